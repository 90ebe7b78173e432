"""The certificate that an operator has checked and not used yet: in memory alone, for a while."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from dataclasses import dataclass, field

from appliance.tls.upload import Upload

# Long enough to read what was found.
_KEPT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Checked:
    """An upload, and whether it answers the request of this machine."""

    upload: Upload
    is_answer: bool
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)


class CheckedUpload:
    """Keeps the last one: its private key must be nowhere else, and not for long."""

    def __init__(self, seconds: float = _KEPT_SECONDS) -> None:
        self._seconds = seconds
        self._kept: Checked | None = None
        self._end: asyncio.TimerHandle | None = None

    def keep(self, upload: Upload, *, is_answer: bool) -> Checked:
        """Keep an upload until it is taken, replaced, or too old; its token takes it."""
        self.forget()
        self._kept = Checked(upload, is_answer)
        self._end = asyncio.get_running_loop().call_later(self._seconds, self.forget)
        return self._kept

    def take(self, token: str) -> Checked | None:
        """Return the upload with this token, and keep it no longer; None if it is gone."""
        kept = self._kept
        # A form may hold what is no UTF-8.
        sent = token.encode(errors="surrogatepass")
        if kept is None or not hmac.compare_digest(kept.token.encode(), sent):
            return None
        self.forget()
        return kept

    def forget(self) -> None:
        """Keep nothing any more."""
        self._kept = None
        if self._end is not None:
            self._end.cancel()
            self._end = None
