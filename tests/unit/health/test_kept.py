"""What was lost of what people keep is a fault with a remedy, and never “all is well”."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from admin.overview_health import Action, action_for
from appliance.db.checksums import PageChecksums
from appliance.db.schema_objects import SchemaState
from appliance.health.checks.checksums import evaluate_checksums
from appliance.health.checks.documents import evaluate_recorded
from appliance.health.checks.schema import evaluate_schema
from appliance.health.checks.stored_files import Differences, evaluate_differences
from appliance.health.model import CheckResult, CheckState
from appliance.library.model import RecordedFaults

FOLDER = Path("/data")
LAST = datetime(2026, 11, 28, 17, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (evaluate_recorded(RecordedFaults(damaged=2))[0], "damaged files: 2"),
        (evaluate_recorded(RecordedFaults(missing=1))[0], "missing files: 1"),
        (evaluate_recorded(RecordedFaults(incomplete=3))[0], "in the database: 3"),
        (evaluate_differences(Differences(files=9, missing=1)), "missing files: 1"),
        (evaluate_differences(Differences(files=9, other_size=1)), "another size: 1"),
        (evaluate_differences(Differences(files=9, incomplete=1)), "in the database: 1"),
        (evaluate_schema(SchemaState(pending=("0002_pre_x.sql",))), "0002_pre_x.sql"),
        (evaluate_schema(SchemaState(lost=("table chat.citation",))), "“table chat.citation”"),
        (evaluate_checksums(PageChecksums(are_on=True, failures=3), FOLDER), "3"),
        (
            evaluate_checksums(PageChecksums(are_on=True, failures=3, last_failure=LAST), FOLDER),
            "3, the last at 2026-11-28 17:05 UTC",
        ),
    ],
)
def test_each_loss_is_named_and_makes_the_machine_not_ready(result: CheckResult, says: str) -> None:
    assert says in result.sentence
    assert result.is_problem
    assert not result.is_ready
    assert result.hint
    assert action_for(result.remedy) is not None


@pytest.mark.parametrize(
    "result",
    [
        evaluate_recorded(RecordedFaults(overdue=1))[0],
        evaluate_checksums(PageChecksums(are_on=False), FOLDER),
    ],
)
def test_what_only_weakens_the_verification_is_a_warning(result: CheckResult) -> None:
    assert (result.state, result.is_ready) == (CheckState.WARNING, True)
    assert result.remedy is not None
    assert result.remedy.command


@pytest.mark.parametrize(
    "result",
    [
        *evaluate_recorded(RecordedFaults()),
        evaluate_differences(Differences(files=9)),
        evaluate_schema(SchemaState()),
        evaluate_checksums(PageChecksums(are_on=True), FOLDER),
    ],
)
def test_without_a_loss_all_is_well(result: CheckResult) -> None:
    assert result.state is CheckState.OK


def test_without_an_answer_nothing_is_said() -> None:
    for result in (*evaluate_recorded(None), evaluate_checksums(None, FOLDER)):
        assert result.state is CheckState.UNKNOWN


def test_each_fault_of_documents_has_its_own_result() -> None:
    found = evaluate_recorded(RecordedFaults(damaged=1, missing=1, incomplete=1, overdue=1))
    assert len(found) == 3


def test_the_console_leads_to_the_documents_and_to_the_job() -> None:
    documents = evaluate_recorded(RecordedFaults(damaged=1))[0].remedy
    job = evaluate_recorded(RecordedFaults(overdue=1))[0].remedy
    assert action_for(documents) == Action("Show the documents", "/admin/ingest?state=failed")
    assert action_for(job) == Action("Look at the job", "/admin/jobs?kind=scrub")


def test_a_long_list_of_lost_objects_is_cut() -> None:
    lost = tuple(f"table chat.t{number}" for number in range(12))
    sentence = evaluate_schema(SchemaState(lost=lost)).sentence
    assert "and 7 more" in sentence
    assert "chat.t11" not in sentence
