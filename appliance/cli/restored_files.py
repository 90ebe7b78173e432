"""Put restored settings in place that belong to root, or to accounts that a restore cannot be."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from appliance.backup.layout import AUTHORITY, CONFIGURATION, TARGETS, TLS
from appliance.core.files import fsync_directory, write_atomically
from appliance.core.settings import ENVIRONMENT_FILE, LAST_GOOD_ENVIRONMENT, Settings
from appliance.tls.published import CERTIFICATE
from appliance.units.exchange import Places

# Beside each file that is replaced, what it was.
_BEFORE = ".before-restore"


def put_in_place(settings: Settings) -> list[str]:
    """Replace certificate, targets and configuration by the restored ones; return their paths.

    Each file is replaced whole, and what it was stays beside it. Without root's rights, where the
    package is installed, the files wait.
    """
    folder = Places(settings.database).files
    if not folder.is_dir() or (settings.packaged and os.geteuid() != 0):
        return []
    places: Mapping[str, Path] = {
        TLS: settings.tls,
        AUTHORITY: settings.authority,
        TARGETS: settings.offsite,
    }
    replaced = []
    for name, place in places.items():
        for path in _files(folder / name):
            place.mkdir(parents=True, exist_ok=True)
            replaced.append(_replace(path, place / path.name, place.stat()))
    for path in _files(folder / CONFIGURATION):
        # The last good version is made from the administrator's own file.
        if settings.packaged and path.name == LAST_GOOD_ENVIRONMENT.name:
            owner = ENVIRONMENT_FILE.parent.stat()
            replaced.append(_replace(path, ENVIRONMENT_FILE, owner, mode=0o644))
    if (folder / TLS).exists():
        # The supervisor then has the certificate looked at before it starts the web server.
        (settings.certificates / CERTIFICATE).unlink(missing_ok=True)
    shutil.rmtree(folder)
    return replaced


def waiting_files(settings: Settings) -> list[str]:
    """Return the names of restored files that wait to be put in place, as far as they are seen."""
    folder = Places(settings.database).files
    names = (TLS, AUTHORITY, TARGETS, CONFIGURATION)
    return [f"{name}/{path.name}" for name in names for path in _files(folder / name)]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _replace(source: Path, target: Path, owner: os.stat_result, mode: int | None = None) -> str:
    """Replace a file; the new one has the owner and the mode of the old one, or of its folder."""
    if target.exists():
        present = target.stat()
        owner, mode = present, present.st_mode & 0o777
        target.replace(target.with_name(f"{target.name}{_BEFORE}"))
    write_atomically(target, source.read_bytes(), mode=mode or 0o640)
    if os.geteuid() == 0:
        os.chown(target, owner.st_uid, owner.st_gid)
    fsync_directory(target.parent)
    return str(target)
