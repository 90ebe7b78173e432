"""What can go wrong while a set is made or read."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class SetTooNewError(ApplianceError):
    """The set was made by a later version of Cloister. Facts: `version`."""

    code = "set_too_new"
    status = HTTPStatus.CONFLICT
    sentence = "This set was made by Cloister {version}, which writes a later format."
    hint = "Install Cloister {version} or a later version on this machine, then restore the set."


class ManifestDamagedError(ApplianceError):
    """The list of contents of a set is missing, or cannot be read."""

    code = "manifest_damaged"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The set has no list of its contents that can be read."
    hint = "Restore another set, and verify the repository: `cloister backup verify`."


class BackupRunsError(ApplianceError):
    """Another backup is being made at this moment."""

    code = "backup_runs"
    status = HTTPStatus.CONFLICT
    sentence = "A backup is being made already."
    hint = "Wait for its end; the list of jobs shows how far it is."


class BackupSpaceError(ApplianceError):
    """The disk has too little room. Facts: `place`, `needed`, `free`, `missing`."""

    code = "backup_space"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = (
        "There is too little room in {place}: the backup and its drill need {needed}, {free} are "
        "free, {missing} are missing."
    )
    hint = "Free that much on this disk, or make it larger; then start the backup again."


class BackupDiskFullError(ApplianceError):
    """A disk became full while a backup was made. Facts: `place`, `needed`, `free`."""

    code = "backup_disk_full"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "The disk of {place} is full: {free} are free, and the backup needs up to {needed}."
    hint = "Make room on this disk, then start the backup again. Earlier sets are whole and kept."


class StageFailedError(ApplianceError):
    """A file of the set could not be written or read. Facts: `place`, `reason`."""

    code = "stage_failed"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "The backup cannot use {place}: {reason}."
    hint = "Look whether the disk is full or read-only, then start the backup again."


class DocumentsMissingError(ApplianceError):
    """Too many files of documents are not there. Facts: `place`, `missing`, `documents`."""

    code = "documents_missing"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "{missing} of {documents} files of documents are not in {place}."
    hint = (
        "Look whether the disk with the documents is mounted. Earlier sets are kept; nothing is "
        "removed from the repository meanwhile."
    )


class FilesUnreadError(ApplianceError):
    """Files could not be read while they were saved. Facts: `count`, `first`."""

    code = "files_unread"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The backup could not read {count} files, such as {first}."
    hint = "Look at the disk and at the rights of these files. Earlier sets are kept."


class ModelsOfAnotherError(ApplianceError):
    """The saved models belong to other backups than the sets beside them. Facts: `place`."""

    code = "models_of_another"
    status = HTTPStatus.CONFLICT
    sentence = "The models in {place} were saved with other backups than those of this machine."
    hint = "Move this folder away as root; the next backup of models makes a new one."


class DumpFailedError(ApplianceError):
    """The database could not be written out. Facts: `reason`: the program's last line."""

    code = "dump_failed"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The database could not be dumped: {reason}"
    hint = "Look at the log of the database: `cloister logs postgres`. Earlier sets are kept."


class DumpBrokenOffError(ApplianceError):
    """The database ended while the backup read it."""

    code = "dump_broken_off"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "The database ended or was restarted while the backup read it."
    hint = "Nothing half was saved. Start the backup again when the database runs."


class DatabaseDamagedError(ApplianceError):
    """A page of the database on the disk is not what was written. Facts: `reason`."""

    code = "database_damaged"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The database on the disk is damaged: {reason}"
    hint = (
        "The disk or the memory of this machine may be failing. Earlier sets are whole and kept: "
        "restore the newest verified one, on another disk if you can."
    )
