"""What the latest verification of the audit means for the machine."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from appliance.audit.chain import Finding, Problem
from appliance.audit.report import Report, write_report
from appliance.health.checks.audit import audit_check, evaluate_audit
from appliance.health.model import CheckResult, CheckState
from appliance.health.remedies import StartJob
from tests.fakes.clock import START, FakeClock

WHOLE = Report(START, 20, 1, 20, 3)
BROKEN = Report(START, 20, 1, 20, 3, 1, Finding(Problem.MISSING, 5, 5))


def test_a_new_machine_has_nothing_to_report() -> None:
    assert evaluate_audit(None, START).state is CheckState.OK


def test_a_fault_makes_the_machine_not_ready() -> None:
    found = evaluate_audit(BROKEN, START + timedelta(days=9))
    assert (found.state, found.is_ready) == (CheckState.FAILED, False)
    assert "Entry 5 of the audit, at place 5, is missing." in found.sentence
    assert found.hint
    assert found.remedy
    assert found.remedy.command == "cloister audit verify"


def test_a_verification_that_was_missed_twice_is_a_warning() -> None:
    assert evaluate_audit(WHOLE, START + timedelta(hours=49)).state is CheckState.OK
    late = evaluate_audit(WHOLE, START + timedelta(hours=51))
    assert (late.state, late.remedy) == (CheckState.WARNING, StartJob("audit"))


async def test_it_reads_the_file_and_asks_no_database(tmp_path: Path) -> None:
    write_report(tmp_path, BROKEN)
    found = await audit_check(tmp_path, FakeClock(), limit=1.0).ask()
    assert isinstance(found, CheckResult)
    assert found.state is CheckState.FAILED
