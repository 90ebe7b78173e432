"""Check an office document, which is a ZIP archive, before a converter unpacks it."""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import BinaryIO

from appliance.core.variables import MEBIBYTE
from appliance.ingest.errors import (
    DamagedFileError,
    DocumentBombError,
    EncryptedDocumentError,
    StrictOpenXmlError,
    WrongContentError,
)

_BLOCK = 256 * 1024
_LOCAL_HEADER = struct.Struct("<26xHH")
_ENCRYPTED = 0x1
# OpenDocument encrypts members and says so here, or the whole document inside one member.
_MANIFEST = "META-INF/manifest.xml"
_LARGEST_MANIFEST = 4 * MEBIBYTE
_WHOLE = "encrypted-package"
# The relationships of the whole package; their namespace shows the variant of Open XML.
_RELATIONSHIPS = "_rels/.rels"
_LARGEST_RELATIONSHIPS = MEBIBYTE
_STRICT = b"http://purl.oclc.org/ooxml/officeDocument/"
_MOST_MEMBERS = 20_000
_BODIES = {"docx": "word/", "odt": "content.xml"}
_OTHERS = (
    ("xl/", "an Excel workbook"),
    ("ppt/", "a PowerPoint presentation"),
    ("word/", "a Word document"),
)


_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError),
    *(ValueError, NotImplementedError),
)


def check_archive(file: BinaryIO, expected: str, limit: int) -> None:
    """Raise a DocumentError if the converter must not get `file`, or cannot read it.

    The sizes in the directory are checked first, which costs nothing. Then every member is
    inflated, because these sizes may be false and the converter has no limit of its own.
    """
    bomb = DocumentBombError(limit=limit // MEBIBYTE)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            protected = _is_protected(archive, members)
            strict = _is_strict(archive, members)
        if len(members) > _MOST_MEMBERS or sum(member.file_size for member in members) > limit:
            raise bomb
        if protected:
            raise EncryptedDocumentError
        _check_kind([member.filename for member in members], expected)
        if strict:
            raise StrictOpenXmlError
        left = limit
        for member in members:
            left -= _inflated_size(file, member, left)
            if left < 0:
                raise bomb
    except _DAMAGE as error:
        raise DamagedFileError(format=expected.upper()) from error


def _is_protected(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> bool:
    names = {member.filename for member in members}
    if _WHOLE in names or any(member.flag_bits & _ENCRYPTED for member in members):
        return True
    if _MANIFEST not in names:
        return False
    with archive.open(_MANIFEST) as manifest:
        return b"encryption-data" in manifest.read(_LARGEST_MANIFEST)


def _is_strict(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> bool:
    if _RELATIONSHIPS not in {member.filename for member in members}:
        return False
    with archive.open(_RELATIONSHIPS) as relationships:
        return _STRICT in relationships.read(_LARGEST_RELATIONSHIPS)


def _check_kind(names: list[str], expected: str) -> None:
    if any(name.startswith(_BODIES[expected]) for name in names):
        return
    for folder, found in _OTHERS:
        if any(name.startswith(folder) for name in names):
            raise WrongContentError(extension=f".{expected}", found=found)
    raise WrongContentError(extension=f".{expected}", found="a ZIP archive of other files")


def _inflated_size(file: BinaryIO, member: zipfile.ZipInfo, limit: int) -> int:
    """Return the real size of `member`; counting stops beyond `limit`."""
    if member.compress_type == zipfile.ZIP_STORED:
        return member.compress_size
    if member.compress_type != zipfile.ZIP_DEFLATED:
        # Office formats allow no other method, and readers do not know them.
        raise zipfile.BadZipFile
    file.seek(member.header_offset)
    name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    file.seek(name + extra, 1)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    size, unread = 0, member.compress_size
    pending = b""
    while size <= limit and not inflater.eof:
        if not pending:
            pending = file.read(min(_BLOCK, unread))
            unread -= len(pending)
            if not pending:
                raise zipfile.BadZipFile
        size += len(inflater.decompress(pending, _BLOCK))
        pending = inflater.unconsumed_tail
    return size
