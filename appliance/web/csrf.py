"""Tokens that prove that a form was made for the browser that sends it.

The token is an HMAC of the cookie that identifies the browser: the session's cookie, or a visitor's
cookie before signing in. Another site can make a browser send the cookie, but cannot read it, so it
cannot compute the token.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

FIELD = "csrf"
HEADER = "X-CSRF-Token"
_PURPOSE = b"cloister form"


def token(cookie: str) -> str:
    """Return the token for a browser's cookie."""
    return hmac.new(_bytes(cookie), _PURPOSE, hashlib.sha256).hexdigest()


def matches(cookie: str, sent: str) -> bool:
    """Say whether a sent token belongs to the cookie, in constant time."""
    return hmac.compare_digest(token(cookie).encode(), _bytes(sent))


def same_origin(origin: str | None, host: str) -> bool:
    """Say whether a request may come from Cloister's own page: browsers send `Origin` with a POST.

    Other programs send no `Origin`, and have no cookies that another site could abuse.
    """
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        # Half an IPv6 address, which no browser sends.
        return False


def _bytes(text: str) -> bytes:
    """Return the bytes that a client sent; aiohttp keeps invalid UTF-8 as surrogates."""
    return text.encode(errors="surrogatepass")
