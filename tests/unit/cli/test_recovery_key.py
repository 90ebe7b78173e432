"""A recovery key comes from a prompt, a file or standard input, never from an argument."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.cli.errors import KeyNotTypedError, NoSuchFileError
from appliance.cli.recovery_key import read_key
from appliance.repository.recovery_key import RecoveryKey

KEY = RecoveryKey.new()


def options(key_file: str | None) -> argparse.Namespace:
    return argparse.Namespace(key_file=key_file)


@pytest.mark.parametrize(
    "written", ["{0}", "{0}\n", "\n  {0} \r\n\n"], ids=["alone", "a line", "white space"]
)
@pytest.mark.parametrize("text", [str, str.lower], ids=["as printed", "in small letters"])
def test_a_file_may_have_white_space_around_the_key(
    tmp_path: Path, written: str, text: Callable[[str], str]
) -> None:
    (tmp_path / "key").write_text(written.format(text(KEY.text)))
    read = read_key(options(str(tmp_path / "key")), is_needed=True)
    assert read is not None
    assert RecoveryKey.parse(read) == KEY


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{KEY.text}\n"))
    assert read_key(options("-"), is_needed=True) == KEY.text


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSuchFileError) as caught:
        read_key(options(str(tmp_path / "nothing")), is_needed=True)
    assert str(tmp_path / "nothing") in caught.value.message


def test_without_a_terminal_it_says_how_to_give_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(KeyNotTypedError) as caught:
        read_key(options(None), is_needed=True)
    assert "--key-file" in caught.value.advice


def test_this_machines_own_backups_need_no_key() -> None:
    assert read_key(options(None), is_needed=False) is None
