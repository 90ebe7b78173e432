"""Tokens that prove that a form was made for the browser that sends it.

The token is an HMAC of the cookie that names the browser: the session's, or a visitor's before
anybody has signed in. Another site can make a browser send the cookie, but cannot read it, so it
cannot make the token.
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
    """Say whether a request may come from our own page: browsers send `Origin` with every POST.

    Programs that are no browsers send none, and have no cookies that could be abused.
    """
    if origin is None:
        return True
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        # Half an IPv6 address: no browser's page has one.
        return False


def _bytes(text: str) -> bytes:
    """Return what a client sent, also when it was no UTF-8: aiohttp then keeps surrogates."""
    return text.encode(errors="surrogatepass")
