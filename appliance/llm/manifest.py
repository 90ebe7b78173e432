"""A model on disk: a manifest names its parts by their checksums."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a model: the hexadecimal SHA-256 of its content, and its size."""

    checksum: str
    size: int

    @property
    def file_name(self) -> str:
        """What the runner calls it in its folder of blobs."""
        return f"sha256-{self.checksum}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The parts of a model; the first of them describes it."""

    parts: tuple[Part, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file. Raises ValueError unless each part has a checksum and a size."""
        content = _object(json.loads(path.read_bytes()))
        layers = content.get("layers")
        if not isinstance(layers, list):
            message = "a manifest has layers"
            raise ValueError(message)  # noqa: TRY004  callers treat all faults alike
        return cls(tuple(_part(each) for each in (content.get("config"), *layers)))


def is_remote(description: bytes) -> bool:
    """Whether the first part of a model says that it runs on another computer.

    Raises ValueError unless it is a JSON object.
    """
    content = _object(json.loads(description))
    return bool(content.get("remote_host") or content.get("remote_model"))


def _part(entry: object) -> Part:
    content = _object(entry)
    found = _DIGEST.fullmatch(str(content.get("digest")))
    size = content.get("size")
    if found is None or not isinstance(size, int):
        message = "a part has a checksum and a size"
        raise ValueError(message)
    return Part(found[1], size)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        message = "a JSON object was expected"
        raise ValueError(message)  # noqa: TRY004  callers treat all faults alike
    return value
