"""What an authority, or the way to it, says against a request, as an error with words. Pure.

The types of problems: https://www.rfc-editor.org/rfc/rfc8555#section-6.7
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from appliance.acme.errors import (
    AccountGoneError,
    AccountUnknownError,
    BindingNeededError,
    BindingRefusedError,
    NonceError,
    RateLimitedError,
    ServerAwayError,
    ServerExpiredError,
    ServerOddError,
    ServerRefusedError,
    ServerUntrustedError,
    TermsChangedError,
)
from appliance.acme.model import NameFailure, Refusal
from appliance.core.errors import ApplianceError
from appliance.web.formats import duration

# Codes of OpenSSL: a certificate that is not yet valid, and one that has expired.
_OUT_OF_DATES = {9, 10}
# Where an authority that limits requests does not say for how long.
_USUAL_WAIT = timedelta(hours=1)
_LONGEST_DETAIL = 300


class ProblemType(StrEnum):
    """The types that mean something of their own here; their prefix is left out."""

    BAD_NONCE = "badNonce"
    RATE_LIMITED = "rateLimited"
    USER_ACTION = "userActionRequired"
    BINDING_NEEDED = "externalAccountRequired"
    ACCOUNT_UNKNOWN = "accountDoesNotExist"
    UNAUTHORIZED = "unauthorized"


_REFUSALS = {
    "connection": Refusal.UNREACHABLE,
    "unauthorized": Refusal.WRONG_ANSWER,
    "incorrectResponse": Refusal.WRONG_ANSWER,
    "dns": Refusal.DNS,
    "caa": Refusal.CAA,
    "tls": Refusal.TLS,
    "rejectedIdentifier": Refusal.REJECTED,
    "unsupportedIdentifier": Refusal.REJECTED,
    "rateLimited": Refusal.RATE,
}
# With these an authority refuses an order because of its names.
_OF_NAMES = {"rejectedIdentifier", "unsupportedIdentifier", "caa", "dns"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What an authority answers in place of what was asked. `named` has its parts by name."""

    type: str
    detail: str = ""
    named: tuple[NameFailure, ...] = ()

    @property
    def is_about_names(self) -> bool:
        """Whether other names might have been accepted."""
        return self.type in _OF_NAMES or bool(self.named)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a request beside the problem: headers of the answer, and what was sent."""

    place: str
    now: datetime
    retry_after: str = ""
    terms: str = ""
    attempts: int = 1
    with_binding: bool = False


# Each says enough without what the authority wrote.
_ERRORS: Mapping[str, type[ApplianceError]] = {
    ProblemType.BAD_NONCE: NonceError,
    ProblemType.USER_ACTION: TermsChangedError,
    ProblemType.BINDING_NEEDED: BindingNeededError,
    ProblemType.ACCOUNT_UNKNOWN: AccountUnknownError,
}


def refusal_of(problem_type: str) -> Refusal:
    """Return why a name was refused."""
    return _REFUSALS.get(problem_type, Refusal.OTHER)


def brief(detail: str) -> str:
    """Return what an authority wrote, on one line, not too long, to stand within a sentence."""
    line = " ".join(detail.split())
    cut = line if len(line) <= _LONGEST_DETAIL else f"{line[:_LONGEST_DETAIL]}…"
    return cut.rstrip(".")


def error_of(problem: Problem, asked: Asked) -> ApplianceError:
    """Return the error that a problem is for the request as a whole."""
    place, reason = asked.place, f"{brief(problem.detail)}."
    if problem.type == ProblemType.RATE_LIMITED:
        seconds = round(wait_of(asked.retry_after, asked.now).total_seconds())
        wait = duration(seconds)
        return RateLimitedError(place=place, reason=reason, seconds=seconds, wait=wait)
    if (kind := _ERRORS.get(problem.type)) is not None:
        terms = asked.terms or place
        return kind(place=place, reason=reason, attempts=asked.attempts, terms=terms)
    if asked.with_binding:
        return BindingRefusedError(place=place, reason=reason)
    if problem.type == ProblemType.UNAUTHORIZED:
        return AccountGoneError(place=place)
    return ServerRefusedError(place=place, type=problem.type, reason=reason)


def wait_of(retry_after: str, now: datetime) -> timedelta:
    """Return how long an authority asks to wait: it gives seconds, or a date."""
    if retry_after.isascii() and retry_after.isdigit():
        return timedelta(seconds=min(int(retry_after), timedelta(days=30).total_seconds()))
    moment = date_of(retry_after)
    return max(moment - now, timedelta()) if moment else _USUAL_WAIT


def date_of(header: str) -> datetime | None:
    """Return the date of a header; None where it is none."""
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def error_on_the_way(error: Exception, asked: Asked) -> ApplianceError:
    """Return why no answer came, or none of an ACME server."""
    place = asked.place
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in _OUT_OF_DATES:
                here = f"{asked.now:%Y-%m-%d %H:%M} UTC"
                return ServerExpiredError(place=place, here=here)
            return ServerUntrustedError(place=place)
    for cause in causes:
        if isinstance(cause, TimeoutError):
            return ServerAwayError(place=place, reason="it does not answer")
        if isinstance(cause, OSError) and cause.strerror:
            return ServerAwayError(place=place, reason=cause.strerror)
    if any(isinstance(cause, OSError) for cause in causes):
        # The library for HTTP makes all of its own errors such.
        return ServerAwayError(place=place, reason="the connection was not made, or broke off")
    return ServerOddError(place=place)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything that it came from: libraries wrap what happened below them."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            yield one
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
