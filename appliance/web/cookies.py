"""Cookies that another host, or a connection without TLS, cannot set where people use TLS."""

from __future__ import annotations

from aiohttp import web

# Browsers take a cookie of such a name only from this host, over TLS, for all paths.
_HOST_PREFIX = "__Host-"


class Cookies:
    """Reads and writes the cookies of a site; `secure` says that people open it over TLS.

    Over plain HTTP on loopback, as in a clone, browsers refuse the prefix, so names have none.
    """

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure

    def name(self, name: str) -> str:
        """Return the name that the browser knows."""
        return f"{_HOST_PREFIX}{name}" if self._secure else name

    def get(self, request: web.Request, name: str) -> str:
        """Return what the browser sent, or nothing."""
        return request.cookies.get(self.name(name), "")

    def set(
        self, response: web.StreamResponse, name: str, value: str, *, max_age: int | None = None
    ) -> None:
        """Give the browser a cookie; without `max_age` it ends with the browser."""
        response.set_cookie(
            self.name(name),
            value,
            max_age=max_age,
            httponly=True,
            samesite="Lax",
            secure=self._secure,
        )

    def clear(self, response: web.StreamResponse, name: str) -> None:
        """Remove a cookie from the browser."""
        self.set(response, name, "", max_age=0)
