"""Why a document could not be read, in words for the person who uploaded it."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError
from appliance.library.errors import DocumentError


class UnsupportedTypeError(DocumentError):
    """No parser reads files with this extension."""

    code = "unsupported_type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    sentence = "“{file_name}” cannot be read: files of this type are not supported."
    hint = "{remedy} Supported are {supported}."


class WrongExtensionError(DocumentError):
    """The extension names another format than the content has."""

    code = "wrong_extension"
    sentence = "“{file_name}” is named {extension}, but it holds {found}."
    hint = "{remedy}"


class WrongContentError(WrongExtensionError):
    """The same, detected only when the file is opened."""

    sentence = "The file is named {extension}, but it holds {found}."
    hint = "Upload a real {extension} file, or convert this one to PDF."


class MissingProgramError(DocumentError):
    """The program that reads this format is not installed on this machine."""

    code = "missing_program"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "{format} files cannot be read here: the program {program} is not installed."
    hint = "Ask the operator to install the Debian package {package}, then retry the document."


class MissingLanguageDataError(DocumentError):
    """A font refers to standard character tables, which are not installed."""

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
    """The content is of the right format, but it is cut off or its structure is broken."""

    code = "damaged_file"
    sentence = "The file is damaged or incomplete: it cannot be opened as {format}."
    hint = "Check that the original opens, and upload it again."


class StrictOpenXmlError(DocumentError):
    """A Word document in the strict variant of Open XML, which the converter cannot read."""

    code = "strict_open_xml"
    sentence = "The document is saved as “Strict Open XML”, a variant of .docx that is not read."
    hint = "Open it in Word, save it with the type “Word Document (.docx)”, and upload the result."


class ConverterFailedError(DocumentError):
    """The program that reads the format failed for a reason of its own, not of the document."""

    code = "converter_failed"
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    sentence = "The program {program} could not convert the document: it {reason}."
    hint = "Try it once more. If it fails again, save the document as PDF and upload that."


class NoTextError(DocumentError):
    """The document was opened, but it contains no text."""

    code = "no_text"
    sentence = "The document has no text that can be read."
    hint = "Upload a file that contains text."


class OnlyPicturesError(NoTextError):
    """A scan: pages without a text layer."""

    sentence = "The document has no text: it holds only pictures of pages ({pages} in all)."
    hint = "Run text recognition (OCR) on it, for example with ocrmypdf, and upload the result."


class NotTextError(DocumentError):
    """A file of a text format with control characters, which text does not contain."""

    code = "not_text"
    sentence = "The file is not text: byte {position} is a control character."
    hint = "Upload it with the file extension of its real type, or export it as text or PDF."


class UnknownEncodingError(DocumentError):
    """A file of a text format whose encoding is neither UTF-8 nor recognised by its content."""

    code = "unknown_encoding"
    sentence = (
        "The encoding of the text could not be recognised: byte {position} is not valid {tried}."
    )
    hint = "Open the file in a text editor, save it with the encoding UTF-8, and upload it again."


class DocumentBombError(DocumentError):
    """A small file that unpacks to an enormous size."""

    code = "document_bomb"
    sentence = "The file unpacks to more than {limit} megabytes, which no ordinary document does."
    hint = "If the document is genuine, remove embedded media and upload it again."


class TooManyPagesError(DocumentError):
    """The document has more pages than the limit."""

    code = "too_many_pages"
    sentence = "The document has more than {limit} pages."
    hint = "Split it into several documents."


class DocumentTooLongError(DocumentError):
    """The document has more text than the limit."""

    code = "document_too_long"
    sentence = "The document has more than {millions} million characters of text and search words."
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
    """A signal ended the parser, other than for time or memory."""

    code = "parser_crashed"
    quarantine = True
    sentence = "The program that reads this format crashed on the document: it was {reason}."
    hint = "Save the document again with another program and upload the result."


class ParserKilledError(ParserCrashedError):
    """SIGKILL ended the parser, and not for its own limits: memory ran out, or a person did it.

    The cause may be another document, so this one is read once more, alone.
    """


class ParserMisbehavedError(DocumentError):
    """The parser printed something that no parser of ours prints: the document may control it."""

    code = "parser_misbehaved"
    quarantine = True
    sentence = "The program that reads this format returned data that is not valid."
    hint = "Save the document again with another program and upload the result."


class ReaderDiedError(DocumentError):
    """The ingest process or the parser was ended repeatedly while it read this document alone."""

    code = "reader_died"
    quarantine = True
    sentence = "Reading was ended {attempts} times while no other document was read."
    hint = "Try it once more. If it happens again, save the document with another program."


class ReadingFailedError(DocumentError):
    """A defect in Cloister itself: the log has the traceback."""

    code = "reading_failed"
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    sentence = "The document could not be read because of a defect in Cloister."
    hint = "Try again. If it happens again, tell an operator: the document reader's log says why."


class NoRoomError(ApplianceError):
    """Further pages would use disk space that the database needs; reading is paused."""

    code = "no_room"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "The disk is nearly full: reading documents is paused until space is free."
    hint = "Delete files that are no longer needed, or give the machine a larger disk."
