"""The machine's own key: made once in a clone, handed over by systemd in the package."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.repository.errors import KeyMissingError
from appliance.repository.place import machine_key, own_address, own_repository


def test_a_clone_makes_its_key_once_and_for_itself(tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    key = machine_key(settings)
    assert len(key) >= 32
    assert machine_key(settings) == key
    assert machine_key(Settings(tmp_path / "other")) != key
    assert stat.S_IMODE((settings.state / "backup.key").stat().st_mode) == 0o600
    assert key not in repr(own_repository(settings))


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_package_without_its_key_says_so(tmp_path: Path, content: str | None) -> None:
    settings = Settings(tmp_path, packaged=True)
    if content is not None:
        (tmp_path / "cloister.backup-key").write_text(content)
    for variables in ({}, {"CREDENTIALS_DIRECTORY": str(tmp_path)}):
        with pytest.raises(KeyMissingError):
            machine_key(settings, variables)


def test_a_package_gets_its_key_from_systemd_and_its_files_from_the_server(tmp_path: Path) -> None:
    settings = Settings(tmp_path, packaged=True, runtime=Path("/run/cloister"))
    (tmp_path / "cloister.backup-key").write_text("a key\n")
    assert machine_key(settings, {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "a key"
    socket = "/run/cloister/repository/repository.sock"
    assert own_address(settings) == f"rest:http+unix://{socket}:/"
    assert own_address(Settings(tmp_path)) == str(tmp_path / "repository")
