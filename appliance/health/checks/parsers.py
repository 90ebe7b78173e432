"""Are the programs that read documents confined? The document reader tries it at its start."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import aiohttp

from appliance.health.model import Check, CheckId, CheckResult, ok, unknown, warning
from appliance.health.remedies import RunCommand
from appliance.ingest.model import Reach

_WORDS = {
    Reach.FILES: "read other files",
    Reach.WRITING: "write files",
    Reach.SOCKETS: "open connections",
    Reach.PROCESSES: "reach other processes",
}
_HINT = (
    "Use a kernel that has Landlock switched on, as Debian's have (the command shows it), and keep"
    " the data of Cloister out of /usr. Until then, add only documents that you trust."
)
_SHOW = RunCommand("cat /sys/kernel/security/lsm")


def parsers_check(socket: Path, *, limit: float) -> Check:
    """Return the check; `socket` is where the document reader answers."""

    async def ask() -> CheckResult:
        return evaluate_parsers(await ask_parsers(socket))

    return Check(CheckId.PARSERS, ask, limit)


async def ask_parsers(socket: Path) -> frozenset[Reach] | None:
    """Return what parsers can reach, or None where the document reader does not say it."""
    connector = aiohttp.UnixConnector(str(socket))
    try:
        async with (
            aiohttp.ClientSession(connector=connector, trust_env=False) as session,
            session.get("http://localhost/parsers") as response,
        ):
            found = (await response.json())["reach"]
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError, KeyError):
        return None
    return None if found is None else frozenset(map(Reach, found))


def evaluate_parsers(reach: Collection[Reach] | None) -> CheckResult:
    """Say whether a document that takes over its parser reaches anything. Pure."""
    if reach is None:
        sentence = "The document reader does not say what the programs that it starts can reach."
        return unknown(CheckId.PARSERS, sentence)
    if not reach:
        return ok(CheckId.PARSERS, "Programs that read a document reach that document alone.")
    able = " and ".join(words for each, words in _WORDS.items() if each in reach)
    sentence = f"The programs that read documents are not confined: a hostile one could {able}."
    return warning(CheckId.PARSERS, sentence, _HINT, _SHOW)
