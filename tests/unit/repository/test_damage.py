"""What `restic check` says, in each version, names the kind and the id of what is damaged."""

from __future__ import annotations

import pytest

from appliance.repository.damage import DamagedFile, FileKind, damaged, damaged_files

ID = "0123456789abcdef" * 4
PACK = f"Pack ID does not match, want {ID}, got {'f' * 64}\nFatal: repository contains errors"
NEWER_PACK = f"pack {ID} contains 2 errors: [blob {'e' * 64}: ciphertext verification failed]"


@pytest.mark.parametrize(
    ("output", "kind", "name"),
    [
        (PACK, FileKind.PACK, ID),
        (NEWER_PACK, FileKind.PACK, ID),
        (f"error: pack {ID}: not found", FileKind.PACK, ID),
        (f"error: error loading index {ID}: load <index/{ID[:10]}>", FileKind.INDEX, ID),
        (f"error: could not load: load <snapshot/{ID[:10]}>: invalid", FileKind.SNAPSHOT, ID[:10]),
        (
            f"error: failed to load snapshot {ID[:8]}: LoadRaw(load <snapshot/{ID[:10]}>)",
            FileKind.SNAPSHOT,
            ID[:10],
        ),
        (f"Fatal: config or key {ID} is damaged: ciphertext", FileKind.CONFIG, ""),
    ],
)
def test_each_file_is_named_once(output: str, kind: FileKind, name: str) -> None:
    assert damaged_files(output) == (DamagedFile(kind, name),)


def test_what_is_only_left_over_is_not_damaged() -> None:
    assert damaged_files(f"pack {ID}: not referenced in any index\nno errors were found") == ()


def test_the_error_names_some_and_holds_all() -> None:
    files = [DamagedFile(FileKind.PACK, f"{number:064x}") for number in range(8)]
    error = damaged(files)
    assert "and 3 more." in error.message
    assert error.facts["files"] == [f"data/{file.id}" for file in files]
    assert "no names" in damaged((), otherwise="no names").message
