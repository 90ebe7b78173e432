"""What is put into a stage is for no other account, and what a killed backup left is removed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from appliance.backup import stage
from appliance.backup.errors import BackupRunsError, StageFailedError
from appliance.core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path)


def test_copies_are_private_from_the_beginning(settings: Settings) -> None:
    settings.tls.mkdir()
    (settings.tls / "key.pem").write_text("private")
    (settings.tls / "key.pem").chmod(0o644)
    settings.offsite.mkdir()
    (settings.offsite / "2.json").write_text("secret")
    (settings.offsite / "2.state.json").write_text("state")
    target = settings.backup / "set"
    target.mkdir(parents=True)
    stage.copy_settings(settings, target)
    files = [path for path in target.rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(target)) for path in files) == [
        "targets/2.json",
        "tls/key.pem",
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in files} == {0o700}


def test_a_packaged_set_has_the_environment_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, good = tmp_path / "etc.env", tmp_path / "cloister.env"
    monkeypatch.setattr(stage, "ENVIRONMENT_FILE", written)
    monkeypatch.setattr(stage, "LAST_GOOD_ENVIRONMENT", good)
    written.write_text("CLOISTER_HOST=new")
    settings = Settings(tmp_path / "home", packaged=True)
    target = tmp_path / "stage"
    stage.copy_settings(settings, target)
    (copied,) = (target / "configuration").iterdir()
    assert (copied.name, copied.read_text()) == ("etc.env", "CLOISTER_HOST=new")
    good.write_text("CLOISTER_HOST=good")
    stage.copy_settings(settings, target)
    assert copied.read_text() == "CLOISTER_HOST=good"


def test_what_was_left_is_removed(settings: Settings) -> None:
    for name in ("set", "hot"):
        (settings.backup / name / "database").mkdir(parents=True)
    stage.clear(settings)
    assert list(settings.backup.iterdir()) == []
    stage.clear(settings)


def test_a_second_backup_is_refused_until_the_first_ends(settings: Settings) -> None:
    with stage.only_backup(settings), pytest.raises(BackupRunsError), stage.only_backup(settings):
        pass
    with stage.only_backup(settings):
        pass


def test_what_the_system_says_is_said(tmp_path: Path) -> None:
    with pytest.raises(StageFailedError) as raised, stage.usable(tmp_path):
        (tmp_path / "none" / "file").write_text("x")
    assert str(tmp_path / "none") in raised.value.message
    assert "No such file" in raised.value.message
