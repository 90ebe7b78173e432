"""An appliance that holds a document, and its operations, carried out as its account does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.operations.folder import OperationFolder
from appliance.operations.model import Outcome
from appliance.repository.recovery_key import RecoveryKey
from tests.appliance import ROOT, Appliance, running_appliance
from tests.builders import documents
from tests.builders.repositories import PASSWORD, fast_repository, make_fast
from tests.e2e.visitor import claimed


@contextmanager
def holding(home: Path, runner: str, fact: str) -> Iterator[Appliance]:
    """Run an appliance with an operator and a document, which has a fact on its second page.

    Its repository opens fast.
    """
    give_fast_repository(home)
    with running_appliance(home, ollama=runner) as appliance, claimed(appliance):
        document = documents.pdf(home.parent / "towers.pdf", ["Towers and walls.", fact])
        assert appliance.cli("ingest", str(document))[0]["state"] == "ready"
        yield appliance


def give_fast_repository(home: Path) -> None:
    """Give a new home an empty repository that opens fast, and the key to it."""
    state = home / "state"
    state.mkdir(parents=True)
    (state / "backup.key").write_text(PASSWORD)
    fast_repository(home / "repository")
    for path in (home, *home.rglob("*")) if os.geteuid() == 0 else ():
        shutil.chown(path, "cloister", "cloister")


def add_recovery_key(appliance: Appliance, key: RecoveryKey) -> None:
    """Let a recovery key open the backups of an appliance, fast."""
    added = ask(appliance, "key", work="add", recovery_key=key.text)
    make_fast(appliance.home / "repository" / "keys" / str(added["key"]), key.password)


def ask(appliance: Appliance, name: str, **request: object) -> Mapping[str, Any]:
    """Carry out an operation of an appliance as its account does."""
    folder = appliance.home / "run" / "operations" / name
    folder.mkdir(parents=True, exist_ok=True)
    OperationFolder(folder).ask(request)
    owner = appliance.home.stat()
    for path in (folder.parent, folder, *folder.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)
    account = ("setpriv", "--reuid=cloister", "--regid=cloister", "--clear-groups")
    rights = account if os.geteuid() == 0 else ()
    subprocess.run(
        [*rights, sys.executable, "-m", "appliance", "operation", name],
        cwd=ROOT,
        env=dict(appliance.environment),
        timeout=200,
        check=False,
    )
    result = OperationFolder(folder).result()
    assert result is not None
    assert result.outcome is Outcome.DONE, result
    return result.found
