"""Key files say without any key which key opens the repository, and which no longer does."""

from __future__ import annotations

import json

import pytest

from appliance.repository.errors import KeyRefusedError, KeyRetiredError, KeyUnknownError
from appliance.repository.key_files import KeyFile, KeyRole, key_file, key_files, refusal

CREATED = "2026-11-29T02:03:04.123456789+01:00"


def content(user: str = "recovery", host: str = "AAAA", created: str = CREATED) -> bytes:
    return json.dumps({"created": created, "username": user, "hostname": host}).encode()


def test_a_recovery_key_is_known_by_its_fingerprint_and_those_it_replaced() -> None:
    key = key_file("1", content(host="CCCC.AAAA.BBBB"))
    assert (key.role, key.fingerprint, key.retired) == (
        KeyRole.RECOVERY,
        "CCCC",
        ("AAAA", "BBBB"),
    )
    assert (key.user, key.host) == ("recovery", "CCCC.AAAA.BBBB")
    assert key.created_at.isoformat() == "2026-11-29T02:03:04.123456+01:00"


def test_every_other_key_is_a_machines() -> None:
    key = key_file("1", content(user="root", host="vm.example"))
    assert (key.role, key.fingerprint) == (KeyRole.MACHINE, "")


@pytest.mark.parametrize("damaged", [b"", b"[]", b"{}", b"\xff", b'{"created": "yesterday"}'])
def test_damaged_ones_are_left_out(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        key_file("2", damaged)
    later = content(host="BBBB", created="2026-11-30T00:00:00Z")
    found = key_files({"3": later, "2": damaged, "1": content()})
    assert [key.id for key in found] == ["1", "3"]


@pytest.mark.parametrize(
    ("fingerprint", "error"),
    [("AAAA", KeyRetiredError), ("BBBB", KeyRefusedError), ("CCCC", KeyUnknownError)],
)
def test_each_wrong_key_has_its_own_reason(fingerprint: str, error: type[Exception]) -> None:
    keys = key_files({"1": content(host="BBBB.AAAA"), "2": content(user="root")})
    refused = refusal(fingerprint, keys)
    assert type(refused) is error
    assert fingerprint in refused.message


def test_without_a_recovery_key_every_one_is_unknown() -> None:
    machine = KeyFile("1", KeyRole.MACHINE, "", key_file("1", content()).created_at)
    assert type(refusal("AAAA", [machine])) is KeyUnknownError
