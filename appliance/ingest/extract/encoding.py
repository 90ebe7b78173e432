"""Bytes to text: UTF-8, UTF-16 with a byte order mark, and the Windows code page of old files."""

from __future__ import annotations

import codecs
import contextlib

from appliance.ingest.errors import NotTextError

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ACCENTS = bytes(range(0x80, 0x100))
_CONTROLS = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r\f\x1b")
# More control characters than this among the rest is not writing.
_MOST_CONTROLS = 1 / 200
# Text in a Western code page is mostly ASCII; bytes that are mostly above are something else.
_MOST_ACCENTS = 0.3

# What programs write that declare the smaller encoding, and what browsers read then: the same with
# more characters. Keys are Python's names.
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

WINDOWS_NOTE = "The file is not UTF-8; it was read as Windows-1252 (Western European)."


def decode(content: bytes, declared: str | None = None) -> tuple[str, str | None]:
    """Return the text, and a note when its encoding had to be guessed.

    `declared` is what the document says about itself; valid UTF-8 is UTF-8 whatever it says.
    Raises NotTextError with the first byte that fits nowhere.
    """
    if content.startswith(_UTF16_MARKS):
        return _strictly(content, "utf-16"), None
    if b"\x00" in content:
        raise NotTextError(position=content.index(b"\x00") + 1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        for encoding in _meant(declared):
            with contextlib.suppress(UnicodeDecodeError, LookupError):
                return content.decode(encoding), None
        return _windows(content, error.start), WINDOWS_NOTE
    if _count(content, _CONTROLS) > len(content) * _MOST_CONTROLS:
        raise NotTextError(position=1)
    return text, None


def _meant(declared: str | None) -> tuple[str, ...]:
    """Return the encodings to try for a declared one, the wider first."""
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
        raise NotTextError(position=error.start + 1) from error


def _windows(content: bytes, failed_at: int) -> str:
    accents = _count(content, _ACCENTS)
    if accents > len(content) * _MOST_ACCENTS or _count(content, _CONTROLS):
        raise NotTextError(position=failed_at + 1)
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        raise NotTextError(position=failed_at + 1) from None
