"""What a copy has to bring, from two lists of files. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.offsite.places.place import RepositoryFile
from appliance.repository.damage import FileKind

Sizes = Mapping[FileKind, Mapping[str, int]]
"""The sizes of files, by kind and name; `config` has the name ""."""

# A snapshot needs indexes, and an index needs packs. What is needed is copied first and listed
# last: so whatever moment a copy ends at, and whatever is added meanwhile, nothing at the target
# names a file that is not there. The config is first of all: it says whose place this is.
ORDER = (
    FileKind.CONFIG,
    FileKind.PACK,
    FileKind.INDEX,
    FileKind.KEY,
    FileKind.SNAPSHOT,
)
LISTED = tuple(reversed(ORDER))
# Files that name others: they wait until no file is missing that they may name.
_NAMING = {
    FileKind.INDEX: {FileKind.PACK},
    FileKind.SNAPSHOT: {FileKind.PACK, FileKind.INDEX},
}


@dataclass(frozen=True, slots=True)
class Plan:
    """The files that the target lacks, in the order of copying, and those that differ there.

    `files` and `bytes` are what the target holds already, also of files that are gone here.
    """

    missing: tuple[tuple[RepositoryFile, int], ...]
    different: tuple[RepositoryFile, ...]
    files: int
    bytes: int

    @property
    def bytes_missing(self) -> int:
        """How much there is to send."""
        return sum(size for _, size in self.missing)


def plan(here: Sizes, there: Sizes) -> Plan:
    """Compare both lists. Nothing is ever removed or replaced at the target."""
    missing, different = [], []
    for kind in ORDER:
        for name, size in sorted(here[kind].items()):
            file = RepositoryFile(kind, name)
            found = there[kind].get(name)
            if found is None:
                missing.append((file, size))
            elif found != size:
                different.append(file)
    sizes = [size for kind in ORDER for size in there[kind].values()]
    return Plan(tuple(missing), tuple(different), len(sizes), sum(sizes))


def must_wait(kind: FileKind, lacking: set[FileKind]) -> bool:
    """Say whether files of a kind may name one of the files that could not be copied."""
    return bool(_NAMING.get(kind, set()) & lacking)
