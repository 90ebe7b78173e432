"""The plan and the state survive a restart; a file that cannot be read counts as none."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.acme.model import AcmePlan, AcmeState, ChallengeKind, NameFailure, Refusal
from appliance.acme.records import AcmeRecords
from appliance.acme.store import Account, Accounts, new_key

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PLAN = AcmePlan(
    directory="https://ca.example/dir",
    contact=("ada@a.example",),
    challenge=ChallengeKind.DNS,
    names=("a.example", "*.a.example"),
    hook="publish",
)
STATE = AcmeState(
    tried_at=NOW,
    not_after=NOW,
    names=("a.example",),
    wanted=PLAN.names,
    failed=(NameFailure("*.a.example", Refusal.HOOK, "No such zone"),),
    failures=3,
    next_try_at=NOW,
    rehearsed="ab",
)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    records = AcmeRecords(tmp_path / "state")
    assert (records.plan(), records.state()) == (None, AcmeState())
    records.keep_plan(PLAN)
    records.keep_state(STATE)
    assert (records.plan(), records.state()) == (PLAN, STATE)
    for path in (tmp_path / "state").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    records.forget()
    assert (records.plan(), records.state()) == (None, AcmeState())


@pytest.mark.parametrize("content", ["", "{", "[]", '{"directory": 1}', '{"challenge": "x"}'])
def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path, content: str) -> None:
    for name in ("acme.json", "acme-state.json"):
        (tmp_path / name).write_text(content)
    records = AcmeRecords(tmp_path)
    assert (records.plan(), records.state()) == (None, AcmeState())


async def test_an_account_is_found_by_its_directory_alone(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    account = Account("https://ca.example/dir", "https://ca.example/account/1", new_key())
    await accounts.keep(account)
    found = await accounts.find(account.directory)
    assert found is not None
    assert found.address == account.address
    assert isinstance(found.key, ec.EllipticCurvePrivateKey)
    assert found.key.private_numbers() == account.key.private_numbers()
    assert await accounts.find("https://other.example/dir") is None
    assert "PRIVATE" not in repr(found)


@pytest.mark.parametrize("content", ["", "{}", '{"key": "x", "address": "y", "directory": "z"}'])
async def test_an_account_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    accounts = Accounts(tmp_path)
    await accounts.keep(Account("https://ca.example/dir", "x", new_key()))
    (file,) = tmp_path.iterdir()
    file.write_text(content)
    assert await accounts.find("https://ca.example/dir") is None
