"""When a certificate is ordered again, and what a run orders. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address

from appliance.acme.model import AcmePlan, AcmeState, NameFailure, Validity

# Two thirds of the lifetime, and up to a thirtieth more: machines that were set up together do not
# come back together.
_SHARE, _JITTER = 2 / 3, 1 / 30
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(hours=1), timedelta(days=1)
_MOST_DOUBLINGS = 10
# A certificate that begins later than this was made by a clock that is ahead, or ours is behind.
TOLERANCE = timedelta(hours=1)


class Due(StrEnum):
    """Why a run is due."""

    FIRST = "first"
    RENEWAL = "renewal"
    NAMES = "names"
    RETRY = "retry"


def what_is_due(state: AcmeState, wanted: Sequence[str], now: datetime) -> Due | None:
    """Say why a run is due now; None when none is.

    After a failure each reason waits for `next_try_at`. A `next_try_at` that is further away than
    the longest pause comes from a clock that was ahead, and counts for nothing.
    """
    if not wanted or waits(state, now):
        return None
    if state.not_after is None or state.renew_at is None:
        return Due.FIRST
    if now >= state.renew_at:
        return Due.RENEWAL
    if set(wanted) != set(state.wanted):
        return Due.NAMES
    return Due.RETRY if state.failed or state.error else None


def waits(state: AcmeState, now: datetime) -> bool:
    """Say whether the pause after a failure is not over."""
    until = state.next_try_at
    return until is not None and now < until <= now + _LONGEST_PAUSE


def renewal_at(validity: Validity, share: float) -> datetime:
    """Return when a certificate is due: after two thirds of its lifetime, and a little later.

    `share`, from 0 to 1, is random.
    """
    lifetime = validity.not_after - validity.not_before
    return validity.not_before + lifetime * (_SHARE + _JITTER * share)


def pause_after(failures: int, share: float, at_least: timedelta = timedelta()) -> timedelta:
    """Return how long to wait after so many failures in a row: it doubles, from an hour to a day.

    `share`, from 0 to 1, is random. `at_least` is what the authority asked for; a day is the most.
    """
    doublings = min(max(failures - 1, 0), _MOST_DOUBLINGS)
    doubled = min(_FIRST_PAUSE * (1 << doublings), _LONGEST_PAUSE)
    return min(max(doubled * (0.5 + share / 2), at_least), _LONGEST_PAUSE)


def names_of(plan: AcmePlan, served: Iterable[str]) -> tuple[str, ...]:
    """Return the names that a certificate is wanted for.

    Without names in the plan these are the served ones, but for the machine's own loopback, which
    an authority cannot reach.
    """
    names = plan.names or [name for name in served if not _is_own(name)]
    return tuple(dict.fromkeys(_plain(name) for name in names))


def rehearsal(plan: AcmePlan, wanted: Sequence[str]) -> str:
    """Return the mark of a rehearsal: it changes with everything that the rehearsal tries."""
    parts = (plan.directory, plan.staging, plan.challenge, plan.hook, *sorted(wanted))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def needs_rehearsal(plan: AcmePlan, state: AcmeState, wanted: Sequence[str]) -> bool:
    """Say whether the staging server is asked first.

    It is, until one run with the same names has brought a certificate: failures there count for
    none of the authority's limits.
    """
    return bool(plan.staging) and state.rehearsed != rehearsal(plan, wanted)


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a run has brought: a certificate for `names`, or none where it was not needed."""

    names: tuple[str, ...]
    failed: tuple[NameFailure, ...] = ()
    validity: Validity | None = None
    new_terms: str = ""


def is_needed(state: AcmeState, working: Sequence[str], due: Due | None) -> bool:
    """Say whether names that could be validated need a new certificate.

    A retry of names that failed is over when the same names fail again.
    """
    return due is not Due.RETRY or set(working) != set(state.names)


def succeeded(
    plan: AcmePlan, state: AcmeState, wanted: Sequence[str], ordered: Ordered, now: datetime,
    share: float,
) -> AcmeState:  # fmt: skip
    """Return the state after a run that brought what it could.

    Names that failed are tried again.
    """
    failures = state.failures + 1 if ordered.failed else 0
    after = replace(
        state,
        tried_at=now,
        wanted=tuple(wanted),
        failed=ordered.failed,
        failures=failures,
        next_try_at=now + pause_after(failures, share) if failures else None,
        error="",
        message="",
        hint="",
        rehearsed="" if ordered.failed else rehearsal(plan, wanted),
        new_terms=ordered.new_terms if ordered.validity else state.new_terms,
    )
    if ordered.validity is None:
        return after
    return replace(
        after,
        issued_at=now,
        names=ordered.names,
        not_before=ordered.validity.not_before,
        not_after=ordered.validity.not_after,
        renew_at=renewal_at(ordered.validity, share),
    )


def _plain(name: str) -> str:
    return name.strip("[]").rstrip(".").lower()


def _is_own(name: str) -> bool:
    plain = _plain(name)
    try:
        return ip_address(plain).is_loopback
    except ValueError:
        return plain == "localhost" or plain.endswith(".localhost")
