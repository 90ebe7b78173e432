"""What a set says about itself, so that a restore can prove that nothing is missing. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from appliance.backup.errors import ManifestDamagedError, SetTooNewError
from appliance.core.json_values import plain
from appliance.repository.model import FORMAT, Kind


@dataclass(frozen=True, slots=True)
class TableSum:
    """How many rows a table has, and the sum of their hashes, whatever their order."""

    rows: int
    sum: int


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model that was installed; its files are in no set."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of a set.

    `schema` is the number of the last migration, `postgres` the major version of the server.
    `tables` was computed in the transaction whose data the dump holds; `files` has the SHA-256 of
    each file of the dump. `documents` are the digests that rows refer to, with their sizes. `audit`
    is the end of the audit's chain, against which later states can be compared.
    """

    kind: Kind
    version: str
    schema: int
    postgres: int
    extensions: Mapping[str, str]
    taken_at: datetime
    tables: Mapping[str, TableSum]
    files: Mapping[str, str]
    documents: Mapping[str, int]
    models: tuple[ModelName, ...] = ()
    audit: str = ""
    format: int = FORMAT

    def as_json(self) -> str:
        """Return the file."""
        return json.dumps(asdict(self), default=plain, indent=1)

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """Read the file. Raises SetTooNewError and ManifestDamagedError."""
        try:
            found = json.loads(text)
            if found["format"] > FORMAT:
                raise SetTooNewError(version=found["version"])
            return _manifest(found)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ManifestDamagedError from error


def differences(expected: Mapping[str, TableSum], found: Mapping[str, TableSum]) -> tuple[str, ...]:
    """Return the tables that are not as they were, in their order."""
    return tuple(name for name in sorted(expected) if expected[name] != found.get(name))


def _manifest(found: Mapping[str, Any]) -> Manifest:
    return Manifest(
        kind=Kind(found["kind"]),
        version=str(found["version"]),
        schema=int(found["schema"]),
        postgres=int(found["postgres"]),
        extensions=dict(found["extensions"]),
        taken_at=datetime.fromisoformat(found["taken_at"]),
        tables={
            name: TableSum(int(table["rows"]), int(table["sum"]))
            for name, table in found["tables"].items()
        },
        files=dict(found["files"]),
        documents={digest: int(size) for digest, size in found["documents"].items()},
        models=tuple(ModelName(model["name"], model["digest"]) for model in found["models"]),
        audit=str(found.get("audit", "")),
        format=int(found["format"]),
    )
