"""The supported formats: how a file's format is recognised, and which program reads it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from appliance.ingest.errors import MissingProgramError, UnsupportedTypeError, WrongExtensionError
from appliance.library.errors import EmptyFileError

# How many bytes of a file `recognise` needs.
HEAD_SIZE = 4096
_LONGEST_NAME_IN_A_SENTENCE = 60


class Format(StrEnum):
    """A format that has a parser."""

    PDF = "pdf"
    DOCX = "docx"
    ODT = "odt"
    RTF = "rtf"
    HTML = "html"
    MARKDOWN = "markdown"
    CSV = "csv"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Program:
    """A system program and the Debian package that contains it."""

    name: str
    package: str


_PANDOC = (Program("pandoc", "pandoc"),)

PROGRAMS: dict[Format, tuple[Program, ...]] = {
    Format.PDF: (Program("pdfinfo", "poppler-utils"), Program("pdftotext", "poppler-utils")),
    Format.DOCX: _PANDOC,
    Format.ODT: _PANDOC,
    Format.RTF: _PANDOC,
    Format.HTML: (),
    Format.MARKDOWN: (),
    Format.CSV: (),
    Format.TEXT: (),
}

EXTENSIONS: dict[str, Format] = {
    ".pdf": Format.PDF,
    ".docx": Format.DOCX,
    ".odt": Format.ODT,
    ".rtf": Format.RTF,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".xhtml": Format.HTML,
    ".md": Format.MARKDOWN,
    ".markdown": Format.MARKDOWN,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".txt": Format.TEXT,
    ".text": Format.TEXT,
    ".log": Format.TEXT,
}

_REMEDIES: dict[str, str] = {
    ".doc": "Save it as .docx.",
    ".xls": "Save the sheet as .csv.",
    ".xlsx": "Save the sheet as .csv.",
    ".ods": "Save the sheet as .csv.",
    ".ppt": "Export it as .pdf.",
    ".pptx": "Export it as .pdf.",
    ".odp": "Export it as .pdf.",
    ".zip": "Unpack it and upload the documents in it.",
}

_PDF = b"%PDF-"
_ZIP = b"PK\x03\x04"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_ODT_MIMETYPE = b"mimetypeapplication/vnd.oasis.opendocument.text"

# Signature, common name, and the extension under which the format is supported.
_SIGNATURES: tuple[tuple[bytes, str, str | None], ...] = (
    (_PDF, "a PDF document", ".pdf"),
    (b"{\\rtf", "an RTF document", ".rtf"),
    (b"\x89PNG\r\n", "a PNG picture", None),
    (b"\xff\xd8\xff", "a JPEG picture", None),
    (b"GIF8", "a GIF picture", None),
    (b"II*\x00", "a TIFF picture", None),
    (b"MM\x00*", "a TIFF picture", None),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or encrypted Microsoft Office file", None),
    (b"\x1f\x8b", "a gzip archive", None),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", None),
    (b"Rar!\x1a\x07", "a RAR archive", None),
    (b"\x7fELF", "a program", None),
    (b"SQLite format 3\x00", "an SQLite database", None),
)


def recognise(file_name: str, head: bytes) -> Format:
    """Return the format that both the name and the first bytes of the file agree on.

    Text formats have no signatures, so among them the name alone decides.

    Raises:
        EmptyFileError: `head` is empty.
        UnsupportedTypeError: no parser reads files of this name.
        WrongExtensionError: the content is of another kind than the name says.
    """
    if not head:
        raise EmptyFileError
    extension = PurePosixPath(file_name).suffix.lower()
    expected = EXTENSIONS.get(extension)
    shown = _shortened(file_name)
    if expected is None:
        raise UnsupportedTypeError(
            file_name=shown,
            remedy=_REMEDIES.get(extension, "Convert it to PDF or to text."),
            supported=", ".join(EXTENSIONS),
        )
    found, right_extension = _look(head)
    if _agrees(expected, right_extension, head):
        return expected
    remedy = (
        f"Rename it so that it ends in {right_extension}, and upload it again."
        if right_extension
        else f"Upload a real {extension} file, or convert this one to PDF."
    )
    raise WrongExtensionError(file_name=shown, extension=extension, found=found, remedy=remedy)


def missing_program(wanted: Format, installed: Collection[str]) -> MissingProgramError | None:
    """Return the error to show when a program that reads `wanted` is not among `installed`."""
    for program in PROGRAMS[wanted]:
        if program.name not in installed:
            return MissingProgramError(
                format=wanted.upper(), program=program.name, package=program.package
            )
    return None


def _look(head: bytes) -> tuple[str, str | None]:
    """Return what the bytes contain, and the right extension (None: not a supported format)."""
    for signature, name, extension in _SIGNATURES:
        if head.startswith(signature):
            return name, extension
    if head.startswith(_ZIP):
        return ("an ODT document", ".odt") if _ODT_MIMETYPE in head else ("a ZIP archive", None)
    if head.startswith(_UTF16_MARKS):
        return "plain text", ".txt"
    if b"\x00" in head:
        return "data of an unknown kind", None
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:512].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "an HTML page", ".html"
    return "plain text", ".txt"


def _agrees(expected: Format, right_extension: str | None, head: bytes) -> bool:
    match expected:
        case Format.PDF:
            # A PDF may start with up to 1,024 other bytes.
            return _PDF in head[:1024]
        case Format.DOCX | Format.ODT:
            # Whether a ZIP is a Word document is only visible in its directory, at the end.
            other = {".odt": Format.ODT}.get(right_extension or "", expected)
            return head.startswith(_ZIP) and other is expected
        case Format.RTF:
            return right_extension == ".rtf"
        case Format.HTML | Format.MARKDOWN | Format.CSV | Format.TEXT:
            return right_extension in {".txt", ".html"}


def _shortened(file_name: str) -> str:
    if len(file_name) <= _LONGEST_NAME_IN_A_SENTENCE:
        return file_name
    half = _LONGEST_NAME_IN_A_SENTENCE // 2
    return f"{file_name[:half]}…{file_name[-half + 1 :]}"
