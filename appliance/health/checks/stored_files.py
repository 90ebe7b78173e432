"""Does every document have its file and its index at this moment?"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from appliance.core.errors import DatabaseUnavailableError
from appliance.health.model import Check, CheckId, CheckResult, ok, unknown, warning
from appliance.health.remedies import StartJob
from appliance.library.errors import FileMissingError
from appliance.library.integrity import Integrity


@dataclass(slots=True)
class Differences:
    """What a comparison of rows with the disk and the index found."""

    files: int = 0
    missing: int = 0
    other_size: int = 0
    incomplete: int = 0


def stored_files_check(integrity: Integrity, *, limit: float = 60.0) -> Check:
    """Return the check, which takes as long as it takes to look up every file."""

    async def ask() -> CheckResult:
        try:
            return evaluate_differences(await find_differences(integrity))
        except (DatabaseUnavailableError, psycopg.Error):
            return unknown(CheckId.FILES, "The database does not say which files there should be.")

    return Check(CheckId.FILES, ask, limit)


async def find_differences(integrity: Integrity) -> Differences:
    """Compare every row with its file and its index; nothing is recorded."""
    found = Differences()
    async for compared in integrity.compare_files():
        found.files += 1
        if compared.fault is not None:
            is_missing = isinstance(compared.fault, FileMissingError)
            found.missing += is_missing
            found.other_size += not is_missing
    async for documents in integrity.compare_index():
        found.incomplete += len(documents)
    return found


def evaluate_differences(found: Differences) -> CheckResult:
    """Say what the comparison found. Pure."""
    counts = (
        (found.missing, "missing files"),
        (found.other_size, "files of another size"),
        (found.incomplete, "documents without all of their text in the database"),
    )
    if words := ", ".join(f"{name}: {count:,}" for count, name in counts if count):
        hint = "Run the job that records it on the documents; their owners then see what to do."
        sentence = f"Documents and what is kept of them differ ({words})."
        return warning(CheckId.FILES, sentence, hint, StartJob("scrub"), degrades=True)
    sentence = f"Every document has its file and its text: {found.files:,} files. (Their content is"
    return ok(CheckId.FILES, f"{sentence} verified at night.)")
