"""Headers that tell the browser what Cloister's pages may not do."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; manifest-src 'self'"
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    # Not `no-referrer`: with it, browsers send `Origin: null` with forms, and the check of the
    # origin could not work. With this value, other sites get no referrer either.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
        "magnetometer=(), microphone=(), midi=(), payment=(), usb=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Conversations must not stay in a shared computer's cache. Static files set their own.
    "Cache-Control": "no-store",
}


# Of an answer that does not know better when the same request succeeds.
_RETRY_SECONDS = 5
_LATER = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


async def add_retry_after(_request: web.Request, response: web.StreamResponse) -> None:
    """Say when to ask again in each 429 and 503: append this to `app.on_response_prepare`."""
    if response.status in _LATER:
        response.headers.setdefault("Retry-After", str(_RETRY_SECONDS))


async def add_security_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Complete every response: append this to `app.on_response_prepare`.

    It is a signal and not a middleware, because streams have sent their headers before a middleware
    sees them. Headers that a handler has set stay.
    """
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
