"""Is what people added still as they added it, as far as it is known?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from appliance.health.asking import answer_or_none
from appliance.health.model import Check, CheckId, CheckResult, ok, unknown, warning
from appliance.health.remedies import ReviewDocuments, StartJob
from appliance.library.model import RecordedFaults

AskRecorded = Callable[[], Awaitable[RecordedFaults]]
_REPAIR = (
    "Their owners see it in the library. The same file, uploaded again, repairs a document; so do "
    "files from a backup, once the job “Verify what is kept” has run."
)
_READ_AGAIN = "Let them be read again: the page Documents of the console offers it."


def documents_check(ask_recorded: AskRecorded, *, patience: float, limit: float) -> Check:
    """Return the check of what downloads and the job `scrub` have recorded.

    The database has `patience` seconds to answer.
    """

    async def ask() -> list[CheckResult]:
        return evaluate_recorded(await answer_or_none(ask_recorded, limit=patience))

    return Check(CheckId.DOCUMENTS, ask, limit)


def evaluate_recorded(found: RecordedFaults | None) -> list[CheckResult]:
    """Say what the recorded faults mean; None means that there was no answer. Pure."""
    if found is None:
        return [unknown(CheckId.DOCUMENTS, "The database does not say which documents failed.")]
    results = []
    if found.damaged or found.missing:
        counts = ((found.damaged, "damaged files"), (found.missing, "missing files"))
        words = ", ".join(f"{name}: {count:,}" for count, name in counts if count)
        sentence = f"Documents are not as they were uploaded ({words})."
        results.append(_degraded(sentence, _REPAIR))
    if found.incomplete:
        sentence = f"Documents without all of their text in the database: {found.incomplete:,}."
        results.append(_degraded(sentence, _READ_AGAIN))
    if found.overdue:
        sentence = f"Files that were not verified for more than 30 days: {found.overdue:,}."
        hint = "The job that verifies them did not run, or did not finish; its record says why."
        results.append(warning(CheckId.DOCUMENTS, sentence, hint, StartJob("scrub")))
    return results or [ok(CheckId.DOCUMENTS, "No document is known to be damaged.")]


def _degraded(sentence: str, hint: str) -> CheckResult:
    return warning(CheckId.DOCUMENTS, sentence, hint, ReviewDocuments(), degrades=True)
