"""Static files with a digest of their content in the URL.

Browsers may therefore cache a file for ever, and an upgrade needs no cache to be emptied. The files
are few and small: they are read once and kept in memory, also compressed.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.resources.abc import Traversable

_SERVED = {".css", ".js", ".svg", ".png", ".ico", ".woff2", ".webmanifest"}
_CACHE_FOR_EVER = "public, max-age=31536000, immutable"
_DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file."""

    name: str
    digest: str
    content_type: str
    body: bytes
    compressed: bytes | None


class Assets:
    """The static files of the kit and of one site."""

    def __init__(self, packages: Sequence[str] = (), *, prefix: str = "") -> None:
        """Read `static/` of `appliance.web` and of each package; a later one wins a name.

        `prefix` is where the site is mounted: `/admin` for the console.
        """
        self._prefix = prefix
        self._assets: dict[str, Asset] = {}
        for package in ("appliance.web", *packages):
            folder = resources.files(package).joinpath("static")
            for name, file in _walk(folder):
                self._assets[name] = _read(name, file)

    def url(self, name: str) -> str:
        """Return the URL of a file by its path inside `static/`. Raises KeyError if unknown."""
        return f"{self._prefix}/static/{self._assets[name].digest}/{name}"

    def names(self) -> list[str]:
        """Return every name that `url` knows."""
        return sorted(self._assets)

    def routes(self) -> list[web.RouteDef]:
        """Return what to add to the site's router."""
        return [web.get(f"{self._prefix}/static/{{digest}}/{{name:.+}}", self._serve)]

    async def _serve(self, request: web.Request) -> web.Response:
        asset = self._assets.get(request.match_info["name"])
        if asset is None or asset.digest != request.match_info["digest"]:
            raise web.HTTPNotFound
        headers = {
            "Cache-Control": _CACHE_FOR_EVER,
            "Content-Type": asset.content_type,
            "Vary": "Accept-Encoding",
        }
        if asset.compressed is None or "gzip" not in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=asset.body, headers=headers)
        return web.Response(body=asset.compressed, headers={**headers, "Content-Encoding": "gzip"})


def _walk(folder: Traversable, path: str = "") -> Iterator[tuple[str, Traversable]]:
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir(), key=lambda item: item.name):
        name = f"{path}{entry.name}"
        if entry.is_dir():
            yield from _walk(entry, f"{name}/")
        elif f".{entry.name.rpartition('.')[2]}" in _SERVED:
            yield name, entry


def _read(name: str, file: Traversable) -> Asset:
    body = file.read_bytes()
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    # The tables of some systems do not know that scripts are text.
    textual = guessed.startswith("text/") or name.endswith((".js", ".svg", ".webmanifest"))
    content_type = "text/javascript" if name.endswith(".js") else guessed
    compressed = gzip.compress(body, mtime=0) if textual else None
    return Asset(
        name=name,
        digest=hashlib.sha256(body).hexdigest()[:_DIGEST_LENGTH],
        content_type=f"{content_type}; charset=utf-8" if textual else content_type,
        body=body,
        compressed=compressed if compressed and len(compressed) < len(body) else None,
    )
