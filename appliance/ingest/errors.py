"""Why a document could not be read, in words for the person who uploaded it."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError
from appliance.library.errors import DocumentError


class UnsupportedTypeError(DocumentError):
    """The file's name ends in something that no parser reads."""

    code = "unsupported_type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    sentence = "“{file_name}” cannot be read: files of this type are not supported."
    hint = "{remedy} Supported are {supported}."


class WrongExtensionError(DocumentError):
    """The name promises another format than the content has."""

    code = "wrong_extension"
    sentence = "“{file_name}” is named {extension}, but it holds {found}."
    hint = "{remedy}"


class WrongContentError(WrongExtensionError):
    """The same, seen only when the file was opened."""

    sentence = "The file is named {extension}, but it holds {found}."
    hint = "Upload a real {extension} file, or convert this one to PDF."


class MissingProgramError(DocumentError):
    """The program that reads this format is not installed on this machine."""

    code = "missing_program"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "{format} files cannot be read here: the program {program} is not installed."
    hint = "Ask the operator to install the Debian package {package}, then retry the document."


class MissingLanguageDataError(DocumentError):
    """A font names its characters by a standard list, which is not on this machine."""

    code = "missing_language_data"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = (
        "Chinese, Japanese or Korean text cannot be read here: the tables for it are missing."
    )
    hint = "Ask the operator to install the Debian package poppler-data, then retry the document."


class EncryptedDocumentError(DocumentError):
    """A password is needed to read the file."""

    code = "encrypted_document"
    sentence = "The document is protected with a password."
    hint = "Save a copy without the password and upload that."


class DamagedFileError(DocumentError):
    """The format is right, but the file is cut off or its structure is broken."""

    code = "damaged_file"
    sentence = "The file is damaged or incomplete: it cannot be opened as {format}."
    hint = "Check that the original opens, and upload it again."


class NoTextError(DocumentError):
    """The document opened, but there is not a word in it."""

    code = "no_text"
    sentence = "The document has no text that can be read."
    hint = "Upload a file that contains text."


class OnlyPicturesError(NoTextError):
    """A scan: pages without a text layer."""

    sentence = "The document has no text: it holds only pictures of pages ({pages} in all)."
    hint = "Run text recognition (OCR) on it, for example with ocrmypdf, and upload the result."


class NotTextError(DocumentError):
    """A text format whose bytes are not text in any encoding we know."""

    code = "not_text"
    sentence = "The file is not text: byte {position} does not belong to any known encoding."
    hint = "Save it as text in UTF-8, or upload it with the name of its real type."


class DocumentBombError(DocumentError):
    """A small file that unpacks to something enormous."""

    code = "document_bomb"
    sentence = "The file unpacks to more than {limit} megabytes, which no ordinary document does."
    hint = "If the document is genuine, remove embedded media and upload it again."


class TooManyPagesError(DocumentError):
    """The document has more pages than the limit."""

    code = "too_many_pages"
    sentence = "The document has more than {limit} pages."
    hint = "Split it into several documents."


class ParserTimedOutError(DocumentError):
    """The parser ran into its time limit."""

    code = "parser_timed_out"
    quarantine = True
    sentence = "Reading the document took longer than {seconds} seconds and was stopped."
    hint = "Split the document or save it again with another program, and upload the result."


class ParserTooBigError(DocumentError):
    """The parser ran into its memory limit."""

    code = "parser_too_big"
    quarantine = True
    sentence = "Reading the document needed more than {megabytes} megabytes of memory."
    hint = "Split the document or save it again with another program, and upload the result."


class ParserCrashedError(DocumentError):
    """The parser died in the middle of the document."""

    code = "parser_crashed"
    quarantine = True
    sentence = "The program that reads this format crashed on the document ({reason})."
    hint = "Save the document again with another program and upload the result."


class ReaderDiedError(DocumentError):
    """The ingest process itself ended again and again over this document."""

    code = "reader_died"
    quarantine = True
    sentence = "Reading was broken off {attempts} times, because the reading process ended."
    hint = "Try it once more. If it happens again, save the document with another program."


class ReadingFailedError(DocumentError):
    """A defect in Cloister itself: the log has the traceback."""

    code = "reading_failed"
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    sentence = "The document could not be read because of a defect in Cloister."
    hint = "Try it once more. If it happens again, ask the operator to look at the log of ingest."


class NoRoomError(ApplianceError):
    """What is read of documents would take room that the database needs; everything waits."""

    code = "no_room"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "The disk is nearly full: the reading of documents waits until there is room."
    hint = "Delete what is no longer needed, or give the machine more space."
