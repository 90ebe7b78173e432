"""The folder in which a set is put together before it is saved. Nothing of it stays behind."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from appliance.backup.errors import BackupRunsError, StageFailedError
from appliance.backup.layout import AUTHORITY, CONFIGURATION, STAGES, TARGETS, TLS
from appliance.core.files import locked_alone, os_errors_as, private_directory
from appliance.core.settings import ENVIRONMENT_FILE, LAST_GOOD_ENVIRONMENT, Settings

_LOCK = "backup.lock"
_PRIVATE_FILE = 0o600
_STATES = ".state.json"


@contextmanager
def only_backup(settings: Settings) -> Iterator[None]:
    """Let no second backup run meanwhile. Raises BackupRunsError."""
    if not settings.packaged:
        private_directory(settings.backup)
    with locked_alone(settings.backup / _LOCK, BackupRunsError()):
        yield


def usable(folder: Path) -> AbstractContextManager[None]:
    """Turn what the system says against a file of a set into StageFailedError."""
    return os_errors_as(StageFailedError, folder)


def clear(settings: Settings) -> None:
    """Remove what is in the stages: it is in clear text, and a killed backup leaves it."""
    for stage in STAGES.values():
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(settings.home / stage)


def copy_settings(settings: Settings, stage: Path) -> None:
    """Copy what is neither in the database nor a document: configuration, TLS keys, targets."""
    if settings.packaged:
        private_directory(stage / CONFIGURATION)
        # The administrator's own file may have an error at this moment.
        found = [path for path in (LAST_GOOD_ENVIRONMENT, ENVIRONMENT_FILE) if path.is_file()]
        for path in found[:1]:
            _copy(path, stage / CONFIGURATION / ENVIRONMENT_FILE.name)
    _copy_folder(settings.tls, stage / TLS)
    _copy_folder(settings.authority, stage / AUTHORITY)
    _copy_folder(settings.offsite, stage / TARGETS)


def _copy_folder(source: Path, target: Path) -> None:
    if not source.is_dir():
        return
    private_directory(target)
    for path in sorted(source.iterdir()):
        # How the copying went describes the machine that did it, and no other.
        if path.is_file() and not path.name.endswith(_STATES):
            _copy(path, target / path.name)


def _copy(source: Path, target: Path) -> None:
    """Copy a file; at no moment can another account read the copy."""
    target.unlink(missing_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as written, source.open("rb") as read:
        shutil.copyfileobj(read, written)
