"""What can go wrong when people work with documents, beside the errors of the files themselves."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


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
