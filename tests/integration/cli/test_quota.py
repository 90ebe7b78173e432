"""`cloister user quota` shows and sets what a person's documents may take."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from appliance.accounts.model import Account
from appliance.cli.connection import RefusedError
from appliance.cli.context import Context
from appliance.cli.output import ExitCode, Output
from appliance.core.variables import MEBIBYTE
from tests.builders.cli import run_verb


@pytest.mark.parametrize(
    ("sizes", "quota", "limit"),
    [
        ((), "default", 10 * 1024 * MEBIBYTE),
        (("5MB",), "5 MB", 5 * MEBIBYTE),
        (("none",), "none", None),
        (("5MB", "default"), "default", 10 * 1024 * MEBIBYTE),
    ],
)
async def test_it_shows_what_counts(
    context: Context,
    alice: Account,
    capsys: pytest.CaptureFixture[str],
    sizes: Sequence[str],
    quota: str,
    limit: int | None,
) -> None:
    for size in sizes:
        assert await run_verb(context, "user", "quota", "alice", size) is ExitCode.DONE
    capsys.readouterr()
    as_json = Context(context.settings, context.clock, Output(as_json=True))
    await run_verb(as_json, "user", "quota", alice.name)
    shown = json.loads(capsys.readouterr().out)
    assert shown == {"name": "alice", "quota": quota, "used": 0, "limit": limit}


async def test_people_read_a_sentence(
    context: Context, alice: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    await run_verb(context, "user", "quota", alice.name, "5MB")
    assert capsys.readouterr().out == "alice: 0 B of 5.0 MB (quota: 5 MB)\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [(("carol",), "not_found"), (("alice", "plenty"), "setting_invalid")],
)
async def test_what_cannot_be_done_is_refused(
    context: Context, alice: Account, words: Sequence[str], code: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        await run_verb(context, "user", "quota", *words)
    assert refused.value.as_json()["code"] == code
