"""The version of this program, which command line, console, `/health` and package all show."""

from __future__ import annotations

import asyncio
import contextlib
from importlib import metadata
from pathlib import Path

from appliance.core.process import ProgramMissingError, run

_ROOT = Path(__file__).parents[2]
# The build of the package writes this file beside our modules; no clone has it.
BUILT = "appliance/VERSION"
# It asks Git for the commit. The build of the package calls it too, so that both agree.
_SCRIPT = "packaging/version"
_SECONDS = 5.0


async def read_version(root: Path = _ROOT) -> str:
    """Return the version of the program in `root`: the package's, or that of a clone's commit."""
    if built := await asyncio.to_thread(_built, root):
        return built
    with contextlib.suppress(ProgramMissingError):
        finished = await run((str(root / _SCRIPT),), timeout=_SECONDS)
        if finished.succeeded:
            return finished.stdout.decode().strip()
    # Installed by pip outside of a clone, or Git hangs: only the number of the release is known.
    return await asyncio.to_thread(metadata.version, "cloister")


def _built(root: Path) -> str | None:
    try:
        return (root / BUILT).read_text("utf-8").strip()
    except FileNotFoundError:
        return None
