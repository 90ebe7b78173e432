"""What can go wrong while a set is restored, or while a drill proves that it could be."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class RestoreRequestError(ApplianceError):
    """The request makes no sense. Facts: `reason`."""

    code = "restore_request"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The restore cannot begin: {reason}."
    hint = "`cloister restore --help` lists what can be asked for."


_SHEET = (
    "The printed sheet has a copy of it. In the console, type it into the field below the recovery "
    "key; on the command line, save it as a file and add `{option} FILE` to `cloister restore`."
)


class SmallFileLostError(ApplianceError):
    """A file is gone that the sheet has a copy of. Facts: `place`, `file`, `option`."""

    code = "repository_file_lost"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The repository ({place}) lacks {file}, without which no key opens it."
    hint = _SHEET


class SmallFileDamagedError(ApplianceError):
    """A file is damaged that the sheet has a copy of. Facts: `place`, `file`, `option`."""

    code = "repository_file_damaged"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "In the repository ({place}) {file} is damaged, without which no key opens it."
    hint = _SHEET


class SheetUnfitError(ApplianceError):
    """The repository does not open with the copies from the sheet. Facts: `place`, `files`."""

    code = "sheet_unfit"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The repository ({place}) does not open with {files} from the sheet."
    hint = (
        "Compare each character with the sheet, and its number of the repository with that of "
        "other sheets: the recovery key, the key file and the config must be of the same one."
    )


class SnapshotMissingError(ApplianceError):
    """The repository holds no such set. Facts: `snapshot`: what was asked for."""

    code = "snapshot_missing"
    status = HTTPStatus.NOT_FOUND
    sentence = "There is no set “{snapshot}” in this repository."
    hint = "`cloister restore --list` shows the sets; the first letters of an id are enough."


class SchemaTooNewForUsError(ApplianceError):
    """The database of the set belongs to a later version. Facts: `version`, `found`, `known`."""

    code = "set_schema_too_new"
    status = HTTPStatus.CONFLICT
    sentence = "The set has version {found} of the database's schema; this Cloister knows {known}."
    hint = "Install Cloister {version} or a later version, then restore the set."


class PostgresTooOldError(ApplianceError):
    """The dump needs a later PostgreSQL. Facts: `found`, `installed`."""

    code = "postgres_too_old"
    status = HTTPStatus.CONFLICT
    sentence = "The set was written by PostgreSQL {found}; this machine has {installed}."
    hint = "Install PostgreSQL {found} or later with pgvector, then restore the set."


class RestoreSpaceError(ApplianceError):
    """The disk has too little room. Facts: `place`, `needed`, `free`, `missing`."""

    code = "restore_space"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "There is too little room in {place}: {needed} are needed, {free} are free."
    hint = "Free {missing} on this disk, or make it larger; nothing was changed."


class RestoreDiskError(ApplianceError):
    """A file could not be written or read. Facts: `place`, `reason`."""

    code = "restore_disk"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "{place} cannot be used: {reason}."
    hint = "Look whether the disk is full or read-only; nothing was changed. Then start again."


class RestoreFullError(ApplianceError):
    """The disk became full in the middle. Facts: `place`, `needed`, `free`."""

    code = "restore_full"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "The disk of {place} is full: {free} are free, and the work needs {needed} in all."
    hint = "Make room on this disk, then start again. What was there before is unchanged."


class FilesDifferError(ApplianceError):
    """Files of a set are missing or changed. Facts: `files`: names, `count`, `first`."""

    code = "files_differ"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "{count} files of the set are missing or not what was saved, such as {first}."
    hint = "Restore another set, or read the same one from an off-site copy."


class TablesDifferError(ApplianceError):
    """Tables are not what was saved. Facts: `tables`: their names in one text."""

    code = "tables_differ"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The restored database differs from the one that was saved, in: {tables}."
    hint = "Restore another set. Please report this: the set was written without an error."


class LoadFailedError(ApplianceError):
    """The dump could not be loaded. Facts: `reason`: the last line of the program."""

    code = "load_failed"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The database could not be built from the set: {reason}"
    hint = "Restore another set, or read the same one from an off-site copy."


class SearchFailedError(ApplianceError):
    """A restored database finds nothing. Facts: `search`."""

    code = "search_failed"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "In the restored database the {search} search finds no passage."
    hint = "Please report this: the set has passages, and they should be found."


class ScratchServerError(ApplianceError):
    """The server for the restored data does not run. Facts: `reason`."""

    code = "scratch_server"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "The database server for the restore does not start: {reason}"
    hint = "Look whether the machine has memory and disk left, then start the work again."


class RestoreRunsError(ApplianceError):
    """The same work is being done by another process."""

    code = "restore_runs"
    status = HTTPStatus.CONFLICT
    sentence = "A restore or a drill runs already."
    hint = "Wait for its end, or cancel it."


class UnconfirmedError(ApplianceError):
    """An earlier restore waits for a word of the operator."""

    code = "restore_unconfirmed"
    status = HTTPStatus.CONFLICT
    sentence = "An earlier restore is not confirmed yet: the state before it is still kept."
    hint = "Confirm it, `cloister restore confirm`, or undo it, `cloister restore undo`."


class ExchangeRunsError(ApplianceError):
    """The database starts with another state at this moment."""

    code = "restore_exchange"
    status = HTTPStatus.CONFLICT
    sentence = "The database starts with the other state at this moment."
    hint = "Try again when it serves; `cloister status` says so."


class NothingToUndoError(ApplianceError):
    """There is no former state."""

    code = "nothing_to_undo"
    status = HTTPStatus.NOT_FOUND
    sentence = "There is no restore that could be confirmed or undone."
    hint = "`cloister restore status` shows how the machine is."


class LiveDatabaseNeededError(ApplianceError):
    """A part is put into a database that runs."""

    code = "restore_needs_database"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "A part of a set goes into the running database, which does not answer."
    hint = "Start Cloister first, or restore everything, which needs no running database."


class LiveSchemaError(ApplianceError):
    """The running database has another version of the schema. Facts: `found`, `known`."""

    code = "restore_other_schema"
    status = HTTPStatus.CONFLICT
    sentence = "The running database has version {found} of the schema, and not {known}."
    hint = "Restart Cloister, which brings the database up to date, then start the restore again."


class ModelsMissingError(ApplianceError):
    """No models were saved in these backups."""

    code = "restore_no_models"
    status = HTTPStatus.NOT_FOUND
    sentence = "These backups hold no files of models."
    hint = (
        "Read another copy, or fetch the models: `cloister model fetch NAME`. They are saved if "
        "the setting `backup_models` is on."
    )


class SubjectMissingError(ApplianceError):
    """The set has no such document or person. Facts: `subject`."""

    code = "restore_subject_missing"
    status = HTTPStatus.NOT_FOUND
    sentence = "The set has nothing named “{subject}” that could be restored."
    hint = "Take the exact name or the id, or another set."


class PersonGoneError(ApplianceError):
    """The person of the conversations has no account now. Facts: `subject`."""

    code = "restore_person_gone"
    status = HTTPStatus.CONFLICT
    sentence = "“{subject}” has no account on this machine now."
    hint = "Restore everything, or take a set into an empty machine, to read these conversations."
