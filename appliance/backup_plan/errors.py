"""What can go wrong with the plan of backups."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class RestoreRunsNowError(ApplianceError):
    """A restore works at this moment."""

    code = "restore_runs_now"
    status = HTTPStatus.CONFLICT
    sentence = "A restore is being made at this moment, so no backup is."
    hint = "The next backup is made at its time, or start one when the restore has ended."


class BackupRunsNowError(ApplianceError):
    """A backup works at this moment."""

    code = "backup_runs_now"
    status = HTTPStatus.CONFLICT
    sentence = "A backup is being made at this moment, so no restore can begin."
    hint = "Wait for its end, or cancel it; the page Jobs shows how far it is."


class RestoreUnconfirmedError(ApplianceError):
    """An earlier restore waits for the decision to keep or undo it."""

    code = "restore_waits"
    status = HTTPStatus.CONFLICT
    sentence = "An earlier restore waits for your decision: the state before it is still kept."
    hint = "Keep the restored state, or undo the restore, before you begin another one."


class RestoreSessionError(ApplianceError):
    """The steps of a restore were left alone for too long, or Cloister was restarted."""

    code = "restore_session"
    status = HTTPStatus.CONFLICT
    sentence = "The steps of this restore are not open any more."
    hint = "Begin again. Nothing was restored by the steps before."


class ConfirmationMissingError(ApplianceError):
    """The word was not typed."""

    code = "restore_not_confirmed"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "Nothing was restored: the word RESTORE was not typed."
    hint = "Type RESTORE to say that the present state shall be replaced."
