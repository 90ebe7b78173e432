"""An ordinary account is told to use sudo, and not that the database is broken."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from appliance.cli.output import ExitCode
from appliance.core.python import OWN_CODE

OTHER_ACCOUNT = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another account")
@pytest.mark.parametrize("verb", [("claim",), ("status",), ("user", "list"), ("search", "words")])
def test_another_account_is_told_to_use_sudo(verb: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        for name in ("postgres", "control", "commands"):
            (home / "run" / name).mkdir(parents=True)
            (home / "run" / name).chmod(0o700)
        done = subprocess.run(
            [*OTHER_ACCOUNT, sys.executable, "-m", "appliance", *verb],
            env={"CLOISTER_HOME": folder, "PYTHONPATH": str(OWN_CODE.parent.parent)},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
    assert "Use sudo" in done.stderr, done.stderr
    assert "database" not in done.stderr
    assert done.returncode == ExitCode.FAILED
