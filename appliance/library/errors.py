"""Errors of documents and uploads; `ingest.errors` has the errors of reading them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from appliance.core.errors import ApplianceError, Audience, Words


class DocumentError(ApplianceError):
    """One document cannot be read; every other document is unaffected.

    `quarantine` marks a file that killed its parser: it is not retried automatically.
    """

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    quarantine: ClassVar[bool] = False


class EmptyFileError(DocumentError):
    """The file has no bytes."""

    code = "empty_file"
    sentence = "The file is empty: it has 0 bytes."
    hint = "Check that the original opens, and upload it again."


class FileMissingError(DocumentError):
    """The document has a row, but its file is missing on the disk."""

    code = "file_missing"
    status = HTTPStatus.GONE
    sentence = "The file of this document is no longer on the disk."
    hint = "Upload the same file again: that repairs it. Answers use the text that was read before."


class FileDamagedError(DocumentError):
    """The content of the stored file is not the content that was uploaded."""

    code = "file_damaged"
    status = HTTPStatus.GONE
    sentence = "The file of this document is damaged: its content has changed on the disk."
    hint = "Upload the same file again: that repairs it. Answers use the text that was read before."


class IndexIncompleteError(DocumentError):
    """Pages or chunks of a document that was read are no longer in the database."""

    code = "index_incomplete"
    sentence = "Parts of the text of this document are missing in the database."
    hint = "Try again: the document is read once more from its file."


# What a whole file in the place of the faulty one repairs.
FILE_FAULTS: tuple[type[DocumentError], ...] = (FileMissingError, FileDamagedError)


class UploadTooLargeError(ApplianceError):
    """The file exceeds the operator's limit; no part of it is kept."""

    code = "too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    sentence = "The file is larger than {megabytes} MB, the limit of an upload."
    hint = "Split the document, or ask the operator to raise the limit."


class DiskFullError(ApplianceError):
    """The disk has no space for the file, apart from the reserve of the database."""

    code = "disk_full"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "The disk is full: the file was not saved."
    hint = "Delete documents that are no longer needed, or ask the operator for more space."


class QuotaExceededError(ApplianceError):
    """The person's files would take more than they may; no part of the file is kept."""

    code = "quota_exceeded"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    sentence = "There is no room for this: your documents take {used} of {limit}."
    hint = "Delete documents that you no longer need, or ask an operator for more room."
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.COMMAND_LINE: Words(
            "There is no room for this: the documents of this person take {used} of {limit}.",
            "`cloister user quota NAME SIZE` gives more room.",
        ),
    }


class UploadBrokenOffError(ApplianceError):
    """The sender disconnected during the upload; no part of the file is kept."""

    code = "upload_broken_off"
    sentence = "The upload was interrupted: the file did not arrive completely."
    hint = "Nothing was saved. Upload it again."


class NotYourDocumentError(ApplianceError):
    """The document is shared, but another person added it."""

    code = "not_your_document"
    status = HTTPStatus.FORBIDDEN
    sentence = "“{file_name}” was added by another person."
    hint = "Only this person and the operators can delete it or have it read again."


class NothingToRetryError(ApplianceError):
    """The document is queued, is being read, or was read without an error."""

    code = "nothing_to_retry"
    status = HTTPStatus.CONFLICT
    sentence = "“{file_name}” does not need to be read again."
    hint = "Only a document that could not be read can be tried again."


class NoFileError(ApplianceError):
    """The form contains no file."""

    code = "no_file"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "No file was chosen."
    hint = "Choose one or more files, then upload."


class FormCutShortError(ApplianceError):
    """The rest of an upload is not read. Files added before stay."""


class TooManyPartsError(FormCutShortError):
    """The form has more parts than one upload may have."""

    code = "too_many_files"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    sentence = "One upload takes at most {most:,} files; the files after them were not added."
    hint = "Add the rest in another upload."


class PartHeadError(FormCutShortError):
    """The header of a file in the form is too long, or in an encoding that no browser uses."""

    code = "file_name_not_understood"
    sentence = "The name of a file is too long, or its encoding is not supported."
    hint = "Give the file a shorter and simpler name, then add it and those after it again."
