"""What a program that handles hostile data is left with: the files that it needs, and no more."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from appliance.core import landlock, seccomp
from appliance.core.seccomp_table import CONFINED, CONFINED_WITHOUT_SIGNALS, NO_PROCESSES
from appliance.core.system_calls import renounce_privileges


@dataclass(frozen=True, slots=True)
class Confinement:
    """The folders and files that a program may read, and run as programs; it writes nowhere.

    Beside them it has its standard input, its output and itself. `landlock` is the version of
    Landlock to use, 0 for none: then the program can open every file that its account can read,
    and still has no socket, no signal and no way to write.
    """

    folders: tuple[Path, ...]
    files: tuple[Path, ...] = ()
    landlock: int = field(default_factory=landlock.version)


def confine_thread(confinement: Confinement, document: int | None) -> None:
    """Give up everything but what the confinement leaves, in the calling thread.

    `document` is an open file that may be opened again by way of its descriptor. Raises OSError.
    """
    renounce_privileges()
    if confinement.landlock:
        readable = landlock.Readable(
            folders=confinement.folders,
            files=confinement.files,
            descriptors=() if document is None else (document,),
        )
        landlock.restrict_thread(readable, confinement.landlock)
    if seccomp.is_available():
        keeps_signals = confinement.landlock >= landlock.SCOPES_SINCE
        seccomp.filter_thread(CONFINED if keeps_signals else CONFINED_WITHOUT_SIGNALS)


def forbid_processes() -> None:
    """Deny this confined process new processes; threads remain. Raises OSError."""
    if seccomp.is_available():
        seccomp.filter_thread(NO_PROCESSES)
