"""Did PostgreSQL read a page of its own files whose checksum did not fit?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from appliance.db.checksums import PageChecksums
from appliance.health.asking import answer_or_none
from appliance.health.model import Check, CheckId, CheckResult, failed, ok, unknown, warning
from appliance.health.remedies import ReadLog, RunCommand
from appliance.health.service_words import DATABASE

AskChecksums = Callable[[], Awaitable[PageChecksums]]


def checksums_check(
    ask_checksums: AskChecksums, folder: Path, *, patience: float, limit: float
) -> Check:
    """Return the check of the data directory; the database has `patience` seconds to answer."""

    async def ask() -> CheckResult:
        return evaluate_checksums(await answer_or_none(ask_checksums, limit=patience), folder)

    return Check(CheckId.CHECKSUMS, ask, limit)


def evaluate_checksums(found: PageChecksums | None, folder: Path) -> CheckResult:
    """Say what PostgreSQL has counted; None means that there was no answer. Pure."""
    if found is None:
        return unknown(CheckId.CHECKSUMS, "The database does not say whether pages are damaged.")
    if found.failures:
        at = found.last_failure
        last = f", the last at {at:%Y-%m-%d %H:%M} UTC" if at else ""
        sentence = f"PostgreSQL read damaged pages of its files: {found.failures:,}{last}."
        hint = (
            "The disk is likely to fail. Save the data directory to another disk, then restore the "
            "last backup there. The database's log names the damaged tables."
        )
        return failed(CheckId.CHECKSUMS, sentence, hint, ReadLog(DATABASE))
    if not found.are_on:
        sentence = "PostgreSQL does not check its pages: this database was made without checksums."
        hint = "Stop Cloister, run this as the owner of the folder, and start Cloister again."
        remedy = RunCommand(f"pg_checksums --enable -D {folder}")
        return warning(CheckId.CHECKSUMS, sentence, hint, remedy)
    return ok(CheckId.CHECKSUMS, "PostgreSQL checks every page that it reads, and found no damage.")
