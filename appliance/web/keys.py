"""Keys of the values that are stored with a request."""

from __future__ import annotations

from typing import Any

from aiohttp import web


def request_key(name: str) -> Any:  # noqa: ANN401 - the type differs by aiohttp version
    """Return a key for `request[…]`: newer versions of aiohttp need more than a name.

    Debian 13 has 3.11, which knows names only; from 3.14 on a plain name raises a warning.
    """
    typed = getattr(web, "RequestKey", None)
    return name if typed is None else typed(name, object)


AUDIENCE = request_key("audience")
"""Who reads the errors of a request, where that is not what its path says."""
