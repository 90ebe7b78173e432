"""What `cloister setting check` says of the variables of a clone, which has no file."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from appliance.cli.context import Context
from appliance.cli.output import ExitCode, Output
from appliance.cli.settings import check_file
from appliance.core.clock import SystemClock
from appliance.core.files import HomeUnusableError
from appliance.core.settings import Settings
from appliance.daemon import supervise


@pytest.mark.parametrize(
    ("name", "value", "verdict"),
    [
        ("CLOISTER_PORT", "eighty", "Cloister does not start with these values."),
        ("CLOISTER_PROT", "80", "Cloister starts, and ignores these variables."),
    ],
)
async def test_a_wrong_variable_is_named_with_what_follows(
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    verdict: str,
) -> None:
    monkeypatch.setenv(name, value)
    context = Context(Settings(home=tmp_path), SystemClock(), Output(as_json=False))
    assert await check_file(context, Namespace(file=None, keep=False)) is ExitCode.FAILED
    printed = capsys.readouterr().out
    assert name in printed
    assert printed.splitlines()[-1] == verdict


async def test_a_home_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    settings = Settings(home=file / "home")
    with pytest.raises(HomeUnusableError, match=str(file)):
        await supervise(lambda: settings, SystemClock(), lambda _: None)
