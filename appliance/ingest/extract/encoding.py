"""Bytes to text: UTF-8, UTF-16 with a byte order mark, and the encodings of old files."""

from __future__ import annotations

import codecs
import contextlib

from appliance.ingest.errors import NotTextError, UnknownEncodingError

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ACCENTS = bytes(range(0x80, 0x100))
_CONTROLS = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r\f\x1b")
# A file with a higher share of control characters is not text.
_MOST_CONTROLS = 1 / 200
# Text in a Western code page is mostly ASCII.
_MOST_ACCENTS = 0.3

# Files that declare an encoding may use its superset, which browsers read as well. The keys are
# Python's names of the codecs.
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}

_GUESS = "The file is not UTF-8; it was read as {encoding}."
WINDOWS_NOTE = _GUESS.format(encoding="Windows-1252 (Western European)")


def decode(content: bytes, declared: str | None = None) -> tuple[str, str | None]:
    """Return the text, and a note when its encoding had to be guessed.

    `declared` is the encoding that the document declares; it counts only if the bytes are not
    valid UTF-8. Raises UnknownEncodingError or NotTextError with the position of the first byte
    that is wrong.
    """
    if content.startswith(_UTF16_MARKS):
        return _strictly(content, "utf-16"), None
    if b"\x00" in content:
        raise NotTextError(position=_first_control(content))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        for encoding in _declared(declared):
            with contextlib.suppress(UnicodeDecodeError, LookupError):
                return content.decode(encoding), None
        return _guess(content, error.start)
    if _count(content, _CONTROLS) > len(content) * _MOST_CONTROLS:
        raise NotTextError(position=_first_control(content))
    return text, None


def _declared(declared: str | None) -> tuple[str, ...]:
    """Return the encodings to try for a declared one, the superset first."""
    try:
        name = codecs.lookup(declared or "").name
    except LookupError:
        return ()
    return (_WIDER.get(name, name), name)


def _count(content: bytes, wanted: bytes) -> int:
    return len(content) - len(content.translate(None, wanted))


def _strictly(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnknownEncodingError(position=error.start + 1, tried="UTF-16") from error


def _first_control(content: bytes) -> int:
    return next(at for at, byte in enumerate(content, start=1) if byte in _CONTROLS)


def _guess(content: bytes, failed_at: int) -> tuple[str, str]:
    """Return the text and a note that names the encoding, if the bytes are evidence for one."""
    unknown = UnknownEncodingError(position=failed_at + 1, tried="UTF-8")
    if _count(content, _CONTROLS):
        raise unknown
    # Only old files need it, and it takes time to load.
    from appliance.ingest.extract.legacy_encodings import recognise_legacy

    if found := recognise_legacy(content):
        text, encoding = found
        return text, _GUESS.format(encoding=encoding.name)
    if _count(content, _ACCENTS) > len(content) * _MOST_ACCENTS:
        raise unknown
    try:
        return content.decode("cp1252"), WINDOWS_NOTE
    except UnicodeDecodeError:
        raise unknown from None
