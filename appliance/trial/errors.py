"""What can be wrong with a trial."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class TrialRunningError(ApplianceError):
    """Another change is on trial. Facts: `seconds`, after which it has ended."""

    code = "trial_running"
    status = HTTPStatus.CONFLICT
    sentence = "Another change is on trial; it ends within {seconds} seconds."
    hint = "Confirm it or undo it first. Nothing was changed."


class TrialOverError(ApplianceError):
    """There is no trial that this token confirms: it ended, or it never was."""

    code = "trial_over"
    status = HTTPStatus.GONE
    sentence = "This change is not on trial: it was confirmed or undone already."
    hint = "The console shows what is in use now."
