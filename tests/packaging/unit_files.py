"""Reads what lies in `systemd/`, as text and as systemd would understand it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "systemd"
SEALED = FOLDER / "cloister-.service.d/10-sealed.conf"
_LIST = re.compile(r"var (\w+) = \[(.*?)\];", re.DOTALL)


@dataclass(frozen=True, slots=True)
class UnitFile:
    """A file of systemd's kind: every assignment in its order, as section, key and value."""

    name: str
    assignments: tuple[tuple[str, str, str], ...]

    def values(self, key: str) -> list[str]:
        """Return every value that is assigned to a key."""
        return [value for _, name, value in self.assignments if name == key]

    def words(self, key: str) -> list[str]:
        """Return the words of all values of a key."""
        return [word for value in self.values(key) for word in value.split()]

    def keys(self, section: str) -> set[str]:
        """Return what a section sets."""
        return {key for name, key, _ in self.assignments if name == section}


def read(path: Path) -> UnitFile:
    """Read a file; a line that systemd would not understand is an error."""
    section, found = "", []
    for line in path.read_text().splitlines():
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            section = heading[1]
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert section, f"{path.name}: {line!r} is in no section"
            assert equals, f"{path.name}: {line!r} assigns nothing"
            found.append((section, key, value))
    return UnitFile(path.name, tuple(found))


def units(pattern: str = "cloister*.*") -> dict[str, UnitFile]:
    """Return services, sockets and the target by their names."""
    kinds = {".service", ".socket", ".target"}
    paths = (path for path in FOLDER.glob(pattern) if path.is_file() and path.suffix in kinds)
    return {path.name: read(path) for path in sorted(paths)}


def services() -> dict[str, UnitFile]:
    """Return the services by their names."""
    return units("cloister*.service")


def configuration_files() -> list[Path]:
    """Return every file of systemd/ whose comments begin with a number sign, once."""
    others = {"50-cloister.rules", "cloister-bus.conf"}
    files = (path for path in sorted(FOLDER.rglob("*")) if path.is_file() and not path.is_symlink())
    return [path for path in files if path.name not in others]


def unexplained(text: str) -> list[str]:
    """Return the lines that no comment explains: none in their group, or above within braces.

    A group is a run of lines without an empty one; a heading explains itself.
    """
    missing, explained = [], False
    for line in (each.strip() for each in text.splitlines()):
        if line.startswith("#"):
            explained = True
        elif not line or re.fullmatch(r"\[\w+\]", line):
            explained = False
        elif not explained and not line.startswith(("}", "Description=", "Documentation=")):
            missing.append(line)
    return missing


def javascript_lists(text: str) -> dict[str, list[str]]:
    """Return the lists of words that the polkit rule names."""
    return {name: re.findall(r'"([^"]*)"', words) for name, words in _LIST.findall(text)}
