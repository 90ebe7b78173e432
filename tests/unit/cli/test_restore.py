"""What `cloister restore` asks for: copies from the sheet go to the operation, for every place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.cli import restore
from appliance.cli.context import Context
from appliance.cli.errors import KeyNotTypedError
from appliance.cli.output import Output
from appliance.cli.parser import build
from appliance.core.settings import Settings
from appliance.restore.model import Place
from tests.fakes.clock import FakeClock

KEY, KEY_FILE, CONFIG = "THE-KEY", '{"data": "x"}', "Y29uZmln"


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The options with the three parts of a sheet."""
    for name, content in (("key", KEY), ("key_file", KEY_FILE), ("config", CONFIG)):
        (tmp_path / name).write_text(f"{content}\n")
    return [
        f"--key-file={tmp_path / 'key'}",
        f"--repository-key={tmp_path / 'key_file'}",
        f"--repository-config={tmp_path / 'config'}",
    ]


@pytest.mark.parametrize("packaged", [True, False])
@pytest.mark.parametrize("place", ["local", "2", "/mnt/disk/cloister"])
async def test_the_sheet_goes_to_the_operation_and_nothing_is_written_to_the_place(
    place: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, packaged: bool
) -> None:
    shown: list[tuple[int, Path | None]] = []

    @asynccontextmanager
    async def show(
        _context: Context, number: int, folder: Path | None = None
    ) -> AsyncIterator[None]:
        shown.append((number, folder))
        yield

    monkeypatch.setattr(restore, "showing", show)
    settings = replace(Settings(tmp_path), packaged=packaged)
    options = build().parse_args(["restore", f"--from={place}", *words])
    options.prepare(options)
    async with restore._place(
        Context(settings, FakeClock(), Output(as_json=False)), options
    ) as asked:
        found = Place.asked(asked)
    assert (found.key, found.key_file, found.config) == (KEY, KEY_FILE, CONFIG)
    if place.startswith("/") and packaged:
        # People know the folder, and not the service that shows it.
        assert (found.source, found.name) == (4, place)
        assert shown == [(4, Path(place))]
    elif place.startswith("/"):
        assert (found.address, shown) == (place, [])
    else:
        assert found.source == (2 if place == "2" else 0)
        assert shown == ([(2, None)] if place == "2" else [])


def test_the_key_file_of_the_sheet_needs_the_recovery_key(words: list[str]) -> None:
    options = build().parse_args(["restore", words[1]])
    with pytest.raises(KeyNotTypedError):
        options.prepare(options)
    # The config is opened by this machine's own key as well.
    options = build().parse_args(["restore", words[2]])
    options.prepare(options)
    assert (options.key, options.sheet) == (None, {"config": CONFIG})
