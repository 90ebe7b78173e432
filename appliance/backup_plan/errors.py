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


class TargetMissingError(ApplianceError):
    """There is no such target. Facts: `number`."""

    code = "target_missing"
    status = HTTPStatus.NOT_FOUND
    sentence = "There is no target {number}."
    hint = "The page Backups and `cloister backup targets` list them."


class TargetsFullError(ApplianceError):
    """There are as many targets as there can be. Facts: `most`."""

    code = "targets_full"
    status = HTTPStatus.CONFLICT
    sentence = "There can be {most} targets, and there are as many."
    hint = "Remove one that is not used any more. What was copied there stays."


class TargetInvalidError(ApplianceError):
    """A field of a target cannot be used. Facts: `field`, `problem`, `remedy`."""

    code = "target_invalid"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "{problem}"
    hint = "{remedy}"

    @property
    def field(self) -> str:
        """The name of the field."""
        return str(self.facts["field"])


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
