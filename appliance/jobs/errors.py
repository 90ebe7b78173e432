"""What can go wrong between a job and its record."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class UnknownKindError(ApplianceError):
    """There is no such kind of job. Facts: `kind`."""

    code = "unknown_kind"
    status = HTTPStatus.NOT_FOUND
    sentence = "There is no kind of job named “{kind}”."
    hint = "“cloister job kinds” and the page Jobs of the console list all of them."


class JobRunningError(ApplianceError):
    """Another job holds the lock. Facts: `title`."""

    code = "job_running"
    status = HTTPStatus.CONFLICT
    sentence = "“{title}” is queued or running already."
    hint = "Wait until it has ended, or cancel it; the list of jobs shows how far it is."


class JobForRootError(ApplianceError):
    """The kind is not for operators to start. Facts: `title`, `command`."""

    code = "job_for_root"
    status = HTTPStatus.FORBIDDEN
    sentence = "Only root at the machine itself can start “{title}”."
    hint = "Run “sudo {command}” there."


class JobNotCancellableError(ApplianceError):
    """The kind is too short, or too dangerous to break off. Facts: `title`."""

    code = "job_not_cancellable"
    status = HTTPStatus.CONFLICT
    sentence = "“{title}” cannot be cancelled once it runs."
    hint = "Wait until it has ended; it has a deadline."


class JobFinishedError(ApplianceError):
    """The job has ended, so there is nothing to cancel. Facts: `title`."""

    code = "job_finished"
    status = HTTPStatus.CONFLICT
    sentence = "This job has ended already: “{title}”."
    hint = "Its page shows how it ended."


class JobEndedError(ApplianceError):
    """The record of a job was closed while it worked."""

    code = "job_ended"
    status = HTTPStatus.CONFLICT
    sentence = "The record of this job was closed while it worked."
    hint = "Start it again. What it had done is kept."


class SubjectNeededError(ApplianceError):
    """The kind works on one of several things, and none was named. Facts: `title`."""

    code = "job_subject_needed"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "“{title}” needs to know on what."
    hint = "The page Backups starts it beside each target."
