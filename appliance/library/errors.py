"""What can go wrong with documents and uploads; `ingest.errors` has the errors of reading them."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar

from appliance.core.errors import ApplianceError


class DocumentError(ApplianceError):
    """One document cannot be read; every other document is unaffected.

    `quarantine` marks a file that killed its parser: it is not tried again by itself.
    """

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    quarantine: ClassVar[bool] = False


class EmptyFileError(DocumentError):
    """There is not one byte in the file."""

    code = "empty_file"
    sentence = "The file is empty: it has 0 bytes."
    hint = "Check that the original opens, and upload it again."


class FileMissingError(DocumentError):
    """The row is there, but its file is gone from the disk."""

    code = "file_missing"
    sentence = "The file of this document is no longer on the disk."
    hint = "Delete the document and upload it again, or restore a backup."


class UploadTooLargeError(ApplianceError):
    """The file is over the operator's limit; nothing of it is kept."""

    code = "too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    sentence = "The file is larger than {megabytes} MB, which is the most that is taken."
    hint = "Split the document, or ask the operator to raise the limit."


class DiskFullError(ApplianceError):
    """There is no room for the file, or only room that the database needs."""

    code = "disk_full"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "The disk has no room left for the file: it was not saved."
    hint = "Delete what is no longer needed, or ask the operator for more space."


class UploadBrokenOffError(ApplianceError):
    """The sender went away in the middle; nothing of the file is kept."""

    code = "upload_broken_off"
    sentence = "The upload was broken off: the file did not arrive completely."
    hint = "Nothing was saved. Upload it again."


class NotYourDocumentError(ApplianceError):
    """The document can be read by everybody, but belongs to somebody else."""

    code = "not_your_document"
    status = HTTPStatus.FORBIDDEN
    sentence = "“{file_name}” was added by somebody else."
    hint = "Only they and the operators can delete it or read it in again."


class NothingToRetryError(ApplianceError):
    """The document is being read, or was read well."""

    code = "nothing_to_retry"
    status = HTTPStatus.CONFLICT
    sentence = "“{file_name}” needs no other attempt."
    hint = "Only a document that could not be read can be tried again."


class NoFileError(ApplianceError):
    """The form came without a file."""

    code = "no_file"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "No file was chosen."
    hint = "Choose one or more files, then upload."


class FormCutShortError(ApplianceError):
    """The rest of an upload is not read. What was added before stays."""


class TooManyPartsError(FormCutShortError):
    """The form goes on and on."""

    code = "too_many_files"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    sentence = "One upload takes at most {most:,} files; what came after them was not read."
    hint = "Add the rest in another upload."


class PartHeadError(FormCutShortError):
    """What the form says about a file is endless, or in an encoding that no browser uses."""

    code = "file_name_not_understood"
    sentence = "The name of a file is too long, or written in a way that Cloister does not read."
    hint = "Give the file a shorter and simpler name, then add it and those after it again."
