"""What can go wrong between a job and its record."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class JobRunningError(ApplianceError):
    """Another job of the kind runs already."""

    code = "job_running"
    status = HTTPStatus.CONFLICT
    sentence = "Another job of the kind “{kind}” is running already."
    hint = "Wait until it is done; the list of jobs shows how far it is."


class JobEndedError(ApplianceError):
    """The record of a job was closed while it worked: overdue, or taken for dead."""

    code = "job_ended"
    status = HTTPStatus.CONFLICT
    sentence = "The job was ended: it ran past its deadline, or gave no sign of life."
    hint = "Start it again. What it had done is kept."
