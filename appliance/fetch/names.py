"""Names of models that may be fetched: from one registry, and for this machine only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from typing_extensions import override

from appliance.fetch.errors import ForeignRegistryError, InvalidNameError
from appliance.llm.client import refuse_cloud

REGISTRY = "registry.ollama.ai"
LIBRARY = "library"
LATEST = "latest"
# With these the runner would look elsewhere than in its registry, or under another name.
_RESERVED_TAGS = {"cloud", "local"}
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
_NAME = re.compile(rf"(?:([A-Za-z0-9_][A-Za-z0-9_-]{{0,79}})/)?({_PART})(?::({_PART}))?")
# A unit's name has at most 255 characters, and each dash of the model's takes four.
_LONGEST_INSTANCE = 200
_TEMPLATE = "cloister-fetch@{}.service"


@dataclass(frozen=True, slots=True)
class ModelName:
    """A valid name, complete with its defaults."""

    namespace: str
    model: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `[namespace/]model[:tag]`.

        Raises ForeignRegistryError where it names a server, CloudModelRefusedError where the
        model would run on other computers, InvalidNameError for anything else.
        """
        refuse_cloud(text)
        if _names_a_server(text):
            raise ForeignRegistryError(model=printable(text), registry=REGISTRY)
        found = _NAME.fullmatch(text)
        if found is None or (found[3] or "").lower() in _RESERVED_TAGS:
            raise InvalidNameError(model=printable(text))
        name = cls(found[1] or LIBRARY, found[2], found[3] or LATEST)
        if len(escape(str(name))) > _LONGEST_INSTANCE:
            raise InvalidNameError(model=printable(text))
        return name

    @override
    def __str__(self) -> str:
        """The name as people write it and as the runner lists it."""
        name = f"{self.model}:{self.tag}"
        return name if self.namespace == LIBRARY else f"{self.namespace}/{name}"

    @property
    def path(self) -> Path:
        """Where the runner keeps what belongs to this name, below a folder of its own."""
        return Path(self.namespace, self.model, self.tag)

    @property
    def unit(self) -> str:
        """The systemd unit that fetches it."""
        return _TEMPLATE.format(escape(str(self)))


def _names_a_server(text: str) -> bool:
    """Whether the runner would ask a server of that name: two slashes, or a dot or colon early."""
    first, *others = PurePosixPath(text).parts or ("",)
    return "://" in text or len(others) > 1 or (bool(others) and ("." in first or ":" in first))


def escape(name: str) -> str:
    """Return the name as the instance of a unit, from which systemd's %I gives it back."""
    return "".join(_escaped(character) for character in name)


def _escaped(character: str) -> str:
    if character == "/":
        return "-"
    if character.isascii() and (character.isalnum() or character in ":_."):
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode())


def printable(text: str) -> str:
    """Return text of unknown origin without what would control a terminal."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
