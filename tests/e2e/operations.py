"""Operations of an appliance that a test carries out itself, as the account of the appliance."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from appliance.operations.folder import OperationFolder
from appliance.operations.model import Outcome
from tests.appliance import ROOT, Appliance


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
