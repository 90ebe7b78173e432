"""Which files of a repository are damaged, as its check says. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from typing_extensions import override

from appliance.repository.errors import RepositoryDamagedError


class FileKind(StrEnum):
    """The kinds of files of a repository, by the names of their folders; all are immutable.

    CONFIG is a single file without a folder.
    """

    PACK = "data"
    INDEX = "index"
    SNAPSHOT = "snapshots"
    KEY = "keys"
    CONFIG = "config"


FOLDERS = (FileKind.KEY, FileKind.SNAPSHOT, FileKind.INDEX, FileKind.PACK)
_WORDS = {
    FileKind.PACK: "pack",
    FileKind.INDEX: "index",
    FileKind.SNAPSHOT: "snapshot",
    FileKind.KEY: "key file",
    FileKind.CONFIG: "the file config",
}
_SHOWN = 12
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True, order=True)
class DamagedFile:
    """A file that is not what was written. `id` may be the beginning of its name."""

    kind: FileKind
    id: str

    @override
    def __str__(self) -> str:
        return f"{_WORDS[self.kind]} {self.id[:_SHOWN]}".rstrip()


# The lines of restic 0.14 and of 0.18.
_LINES = (
    (FileKind.PACK, re.compile(r"^pack ([0-9a-f]{8,64}) contains \d+ error", re.MULTILINE)),
    (FileKind.PACK, re.compile(r"Pack (?:ID does not match, want )?([0-9a-f]{8,64})(?:,|:)")),
    (FileKind.PACK, re.compile(r"pack ([0-9a-f]{8,64}): (?:not found|unexpected|does not exist)")),
    (FileKind.INDEX, re.compile(r"error loading index ([0-9a-f]{8,64})")),
    (FileKind.SNAPSHOT, re.compile(r"load <snapshot/([0-9a-f]{8,64})>")),
    (FileKind.SNAPSHOT, re.compile(r"failed to load snapshot ([0-9a-f]{8,64})")),
)


_CONFIG = re.compile(r"config or key [0-9a-f]{8,64} is damaged|config cannot be loaded")


def damaged_files(output: str) -> tuple[DamagedFile, ...]:
    """Return the files that the output of `restic check` names as damaged."""
    found = {DamagedFile(kind, name) for kind, line in _LINES for name in line.findall(output)}
    if _CONFIG.search(output):
        found.add(DamagedFile(FileKind.CONFIG, ""))
    # The same file may be named in full and by its beginning.
    return tuple(sorted(one for one in found if not any(_is_longer(other, one) for other in found)))


def damaged(files: Collection[DamagedFile], otherwise: str = "") -> RepositoryDamagedError:
    """Return the error that names these files; without any, what was said instead."""
    shown = [str(file) for file in sorted(files)[:_MOST_SHOWN]]
    more = f", and {len(files) - _MOST_SHOWN} more" if len(files) > _MOST_SHOWN else ""
    reason = f"{', '.join(shown)}{more}." if files else otherwise
    names = [f"{file.kind}/{file.id}" for file in sorted(files)]
    return RepositoryDamagedError(reason=reason, files=names)


def _is_longer(other: DamagedFile, one: DamagedFile) -> bool:
    return other != one and other.kind is one.kind and other.id.startswith(one.id)
