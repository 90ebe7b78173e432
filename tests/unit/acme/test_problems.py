"""What an authority, or the way to it, says against a request, as an error of its own."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest

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
from appliance.acme.problems import (
    Asked,
    Problem,
    brief,
    error_of,
    error_on_the_way,
    refusal_of,
    wait_of,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ASKED = Asked("https://ca.example/dir", NOW)


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        ("badNonce", NonceError),
        ("rateLimited", RateLimitedError),
        ("userActionRequired", TermsChangedError),
        ("externalAccountRequired", BindingNeededError),
        ("accountDoesNotExist", AccountUnknownError),
        ("unauthorized", AccountGoneError),
        ("malformed", ServerRefusedError),
        ("aTypeOfTomorrow", ServerRefusedError),
    ],
)
def test_each_type_of_problem_is_an_error_of_its_own(problem: str, kind: type) -> None:
    error = error_of(Problem(problem, "so it is"), ASKED)
    assert type(error) is kind
    assert ASKED.place in error.message


@pytest.mark.parametrize("problem", ["unauthorized", "malformed"])
def test_what_is_said_about_a_binding_is_about_the_binding(problem: str) -> None:
    asked = Asked(ASKED.place, NOW, with_binding=True)
    assert type(error_of(Problem(problem, "no"), asked)) is BindingRefusedError


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("Sun, 01 Mar 2026 13:00:00 GMT", timedelta(hours=1)),
        ("Sun, 01 Mar 2026 11:00:00 GMT", timedelta()),
        ("soon", timedelta(hours=1)),
        ("", timedelta(hours=1)),
        ("9" * 30, timedelta(days=30)),
    ],
)
def test_a_wait_is_given_in_seconds_or_as_a_date(header: str, wait: timedelta) -> None:
    assert wait_of(header, NOW) == wait


def test_a_problem_is_about_names_by_its_type_or_its_parts() -> None:
    part = NameFailure("a.example", Refusal.CAA)
    assert Problem("rejectedIdentifier").is_about_names
    assert Problem("malformed", named=(part,)).is_about_names
    assert not Problem("rateLimited").is_about_names


def test_a_reason_that_is_not_known_is_other() -> None:
    assert refusal_of("dns") is Refusal.DNS
    assert refusal_of("aTypeOfTomorrow") is Refusal.OTHER


def test_what_an_authority_writes_is_one_line_and_not_too_long() -> None:
    assert brief(" It\n was  so. ") == "It was so"
    assert len(brief("word " * 500)) < 310


def wrapped(cause: BaseException) -> Exception:
    """Return an error that has another one in it, as libraries for HTTP have."""
    outer = OSError("Max retries exceeded")
    inner = Exception("connection")
    inner.reason = cause  # type: ignore[attr-defined]
    outer.__cause__ = inner
    return outer


def refused_certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("certificate verify failed")
    error.verify_code = code
    return error


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (refused_certificate(9), ServerExpiredError),
        (refused_certificate(10), ServerExpiredError),
        (refused_certificate(20), ServerUntrustedError),
        (TimeoutError("timed out"), ServerAwayError),
        (ConnectionRefusedError(111, "Connection refused"), ServerAwayError),
    ],
)
def test_what_happened_below_the_library_decides(cause: BaseException, kind: type) -> None:
    assert type(error_on_the_way(wrapped(cause), ASKED)) is kind


def test_the_reason_of_a_server_that_is_away_is_said() -> None:
    refused = error_on_the_way(wrapped(ConnectionRefusedError(111, "Connection refused")), ASKED)
    assert "Connection refused" in refused.message
    assert "does not answer" in error_on_the_way(wrapped(TimeoutError()), ASKED).message
    assert "broke off" in error_on_the_way(OSError(), ASKED).message


def test_an_answer_that_cannot_be_read_is_odd() -> None:
    assert type(error_on_the_way(ValueError("no JSON"), ASKED)) is ServerOddError
