"""Two data directories change places: at every moment there is an old or a new one, whole."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from appliance.core.system_calls import exchange
from appliance.units import exchange as module
from appliance.units.exchange import Places, RestoreState, restarted_by_exchange


class PowerCutError(Exception):
    """The machine stops here."""


def _filled(path: Path, content: str) -> Path:
    path.mkdir(parents=True)
    (path / "PG_VERSION").write_text(content)
    return path


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path / "data")
    _filled(places.data, "old")
    _filled(places.restored, "new")
    return places


def _content(path: Path) -> str:
    return (path / "PG_VERSION").read_text()


def test_a_directory_that_is_not_ready_is_not_used(places: Places) -> None:
    assert not places.put_in_place()
    assert _content(places.data) == "old"
    places.clear()
    assert not places.restored.exists()


def test_a_ready_directory_takes_the_place_and_the_former_one_is_kept(places: Places) -> None:
    places.mark_ready({"snapshot": "abc"})
    assert places.state() is RestoreState.READY
    assert places.put_in_place()
    assert (_content(places.data), _content(places.previous)) == ("new", "old")
    assert places.state() is RestoreState.UNCONFIRMED
    assert places.facts()["snapshot"] == "abc"
    assert not places.put_in_place()


def test_it_works_without_a_present_directory(places: Places) -> None:
    places.discard(places.data)
    places.mark_ready({})
    assert places.put_in_place()
    assert _content(places.data) == "new"
    assert places.state() is RestoreState.NONE


def test_undone_the_former_state_is_back_and_the_other_one_kept(places: Places) -> None:
    places.mark_ready({})
    places.put_in_place()
    places.ask_for_previous()
    assert places.is_undone
    assert places.put_in_place()
    assert (_content(places.data), _content(places.previous)) == ("old", "new")
    places.forget_previous()
    assert places.state() is RestoreState.NONE


def _refusing_exchange(_one: Path, _other: Path) -> None:
    raise OSError(errno.EINVAL, "not supported")


@pytest.mark.parametrize("can_exchange", [True, False])
@pytest.mark.parametrize("undo", [True, False])
def test_a_power_cut_at_any_moment_leaves_a_whole_state(
    places: Places, monkeypatch: pytest.MonkeyPatch, *, can_exchange: bool, undo: bool
) -> None:
    if not can_exchange:
        monkeypatch.setattr(module, "exchange", _refusing_exchange)
    places.mark_ready({})
    if undo:
        places.put_in_place()
        places.ask_for_previous()
    wanted = "old" if undo else "new"
    is_done, attempts = False, 0
    while not is_done:
        with monkeypatch.context() as patch:
            # The first attempt changes nothing, each further one a single thing.
            _cut_power_after(patch, min(attempts, 1), can_exchange=can_exchange)
            with suppress(PowerCutError):
                places.put_in_place()
                is_done = True
        attempts += 1
        there = [path for path in (places.data, places.restored) if path.exists()]
        assert all(_content(path) in {"old", "new"} for path in there)
    assert attempts > 2
    assert _content(places.data) == wanted
    assert places.state() is RestoreState.UNCONFIRMED
    assert {_content(places.data), _content(places.previous)} == {"old", "new"}


def _cut_power_after(patch: pytest.MonkeyPatch, changes: int, *, can_exchange: bool) -> None:
    """Let some changes of the file system succeed, and the machine stop at the next one."""
    left = [changes]

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            if not left[0]:
                raise PowerCutError
            left[0] -= 1
            return function(*arguments)

        return call

    patch.setattr(Path, "rename", counted(Path.rename))
    if can_exchange:
        patch.setattr(module, "exchange", counted(exchange))


def test_what_uses_the_database_restarts_with_it() -> None:
    names = ["backup-server", "webchat@1", "ingest", "ollama", "nginx", "webchat@2", "postgres"]
    found = restarted_by_exchange([*names, "migrate"])
    # Nginx keeps nothing of the database, and people follow the restore through it.
    assert found == ["postgres", "migrate", "ingest", "webchat@1", "webchat@2"]


def test_a_look_between_two_steps_leaves_the_former_state(places: Places) -> None:
    places.mark_ready({})
    # The first step of `put_in_place`.
    places._exchange()
    assert places.state() is RestoreState.READY
    places.clear()
    assert _content(places.restored) == "old"
    assert places.put_in_place()
    assert _content(places.previous) == "old"
    assert places.state() is RestoreState.UNCONFIRMED
