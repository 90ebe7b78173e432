"""The package of the commit before this working copy, from which machines are upgraded."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from tests.machines.programs import MachineError, run_program

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "packaging/machine/deb"
VERSION = "0.0.9"
# What the package is made of: a working copy that differs here has HEAD as its predecessor.
INGREDIENTS = ("appliance", "admin", "webchat", "systemd", "packaging", "pyproject.toml")


def former_commit() -> str | None:
    """The commit before what would be packaged now; nothing when none before had a package."""
    try:
        changed = _git("status", "--porcelain", "--", *INGREDIENTS)
        commit = _git("rev-parse", "--verify", "HEAD" if changed else "HEAD^")
        # Where the history begins later, or without a package, there is nothing to upgrade from.
        _git("cat-file", "-e", f"{commit}:packaging/debian/control")
    except MachineError:
        return None
    return commit


def former_package(commit: str, machines: Path) -> Path:
    """The package of a commit, built by today's builder and kept below `machines`."""
    builder = hashlib.sha256(BUILD.read_bytes()).hexdigest()[:16]
    folder = machines / f"former-{commit[:16]}-{builder}"
    found = folder / f"cloister_{VERSION}_all.deb"
    if not found.exists():
        with tempfile.TemporaryDirectory(prefix="former-") as scratch:
            tree = Path(scratch)
            run_program("tar", "-C", scratch, "-x", content=_archive(commit))
            # The builder takes what git tracks, and would take the time of a commit that is not
            # there: the tree has no history.
            run_program("git", "-C", str(tree), "init", "--quiet")
            run_program("git", "-C", str(tree), "add", "--all", "--force")
            settings = {
                "SOURCE_DATE_EPOCH": _git("log", "-1", "--format=%ct", commit),
                "DEB_BUILD_OPTIONS": "nocheck",
                "CLOISTER_DIST": str(folder),
            }
            variables = [f"{name}={value}" for name, value in settings.items()]
            run_program("env", *variables, str(BUILD), scratch, VERSION, seconds=1800)
    return found


def _archive(commit: str) -> bytes:
    return run_program(*_command("archive", commit)).stdout


def _git(*arguments: str) -> str:
    return run_program(*_command(*arguments)).stdout.decode().strip()


def _command(*arguments: str) -> tuple[str, ...]:
    # The clone may belong to somebody else than root, who alone can boot machines.
    return ("git", "-c", f"safe.directory={ROOT}", "-C", os.fspath(ROOT), *arguments)
