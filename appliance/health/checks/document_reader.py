"""Does the document reader run?"""

from __future__ import annotations

from appliance.health.model import CheckId, CheckResult, ok, unknown, warning
from appliance.health.remedies import ReadLog, StartService
from appliance.health.service_words import DOCUMENT_READER
from appliance.library.reader_condition import ReaderCondition


def evaluate_reader(known: ReaderCondition | None) -> CheckResult:
    """Say how the document reader is, for operators. Pure.

    The machine is ready while it is restarted, and while an operator wants it to be stopped.
    """
    check = CheckId.DOCUMENT_READER
    match known:
        case None:
            return unknown(check, "No supervisor says how the document reader is.")
        case ReaderCondition.SERVING:
            return ok(check, "The document reader serves.")
        case ReaderCondition.RECOVERING:
            return ok(check, "The document reader starts.")
        case ReaderCondition.STOPPED:
            hint = "New documents wait unread until it is started."
            return warning(
                check, "The document reader is stopped.", hint, StartService(DOCUMENT_READER)
            )
        case ReaderCondition.GIVEN_UP:
            sentence = "The document reader failed too often and is not restarted any more."
            hint = "New documents wait unread. Its log says why it fails."
            return warning(check, sentence, hint, ReadLog(DOCUMENT_READER), degrades=True)
