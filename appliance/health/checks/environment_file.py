"""Is the file that every process reads at its start without an error?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from appliance.core.environment_file import EnvironmentFinding, environment_findings
from appliance.core.settings import ENVIRONMENT_FILE
from appliance.health.model import Check, CheckId, CheckResult, ok, warning
from appliance.health.remedies import RunCommand
from appliance.settings.words import sentence_of


def environment_check(file: Path = ENVIRONMENT_FILE, *, limit: float = 10.0) -> Check:
    """Return the check of the package's file of settings."""

    async def ask() -> CheckResult:
        return evaluate_environment(await asyncio.to_thread(environment_findings, file), file)

    return Check(CheckId.SETTINGS, ask, limit)


def evaluate_environment(findings: Sequence[EnvironmentFinding], file: Path) -> CheckResult:
    """Say what is wrong with the file, and what is used meanwhile. Pure."""
    errors = [finding for finding in findings if finding.problem.is_error]
    remedy = RunCommand("sudo cloister setting check")
    if errors:
        sentences = " ".join(map(sentence_of, errors))
        hint = "The last version of the file without an error is in use. Correct the file."
        return warning(CheckId.SETTINGS, f"{file} has errors. {sentences}", hint, remedy)
    if findings:
        sentences = " ".join(map(sentence_of, findings))
        return warning(CheckId.SETTINGS, f"{file}: {sentences}", "Remove the line.", remedy)
    return ok(CheckId.SETTINGS, f"{file} has no errors.")
