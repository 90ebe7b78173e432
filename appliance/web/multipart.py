"""Forms with small files: read whole, into memory, within the limit of the application."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError

from appliance.core.errors import InvalidInputError
from appliance.web.errors import BadRequestError

_MOST_PARTS = 20
_LONGEST_HEAD = 2048
# Of RFC 2046; browsers use letters, digits and dashes.
_BOUNDARY = re.compile(
    r'multipart/form-data;.{0,200}?boundary="?([\w\'()+,./:=?-]{1,70})', re.IGNORECASE
)
_NAME = re.compile(
    rb'^content-disposition:[ \t]*form-data;[^\r\n]*?\bname="([^"\r\n]{1,100})"',
    re.IGNORECASE | re.MULTILINE,
)
_LINE = b"\r\n"


async def read_parts(request: web.Request) -> Mapping[str, bytes]:
    """Return the fields and files of a form by their names; of equal names the first counts.

    aiohttp's own reader writes files to the disk, and decodes as the sender says. Raises
    InvalidInputError for another kind of form, BadRequestError for one that is broken, and
    HTTPRequestEntityTooLarge.
    """
    try:
        body = await request.read()
    except (ValueError, HttpProcessingError) as error:
        raise BadRequestError from error
    return parts_of(request.headers.get(hdrs.CONTENT_TYPE, ""), body)


def parts_of(kind: str, body: bytes) -> Mapping[str, bytes]:
    """Return the parts of a form with this `Content-Type`. Raises as `read_parts` does."""
    found = _BOUNDARY.match(kind)
    if found is None:
        raise InvalidInputError(
            problem="The file did not come as part of a form.",
            remedy="Choose it in the page's own form.",
        )
    parts: dict[str, bytes] = {}
    for name, content in _parts(found[1].encode(), body):
        parts.setdefault(name, content)
    return parts


def _parts(boundary: bytes, body: bytes) -> Iterator[tuple[str, bytes]]:
    pieces = (_LINE + body).split(_LINE + b"--" + boundary, _MOST_PARTS + 1)
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return
        head, blank, content = piece.partition(_LINE + _LINE)
        name = _NAME.search(head) if len(head) <= _LONGEST_HEAD else None
        if not blank or name is None:
            raise BadRequestError
        yield name[1].decode("utf-8", "replace"), content
    # Half a form, or too much of one.
    raise BadRequestError
