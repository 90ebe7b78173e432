"""Recognise the encodings of old East Asian and Cyrillic files by the text that they give."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_KANA = r"\u3041-\u30ff"
_HANGUL = r"\uac00-\ud7a3"
# Cyrillic beside a Latin letter is no evidence: “på” in a Western encoding looks like that.
_CYRILLIC = r"(?<![A-Za-z])[\u0400-\u045f\u0490\u0491](?![A-Za-z])"
# Spaces, quotation marks, dashes and the full-width forms, which occur beside every script.
_MARKS = re.compile(r"[\s\u00a0\u00ab\u00bb\u00b7\u2010-\u2026\u2116\u3000-\u301f\uff01-\uff5e]")

_RUSSIAN = "оеаинтсрвл"
_JAPANESE = "のにはをたがでてとしれさいなるあっらもりこすまかう"
_SIMPLIFIED = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过"
    "发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样"
)
_TRADITIONAL = (
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過"
    "發後作裡用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣"
)
_KOREAN = "이다는을의에가고하지를은로도한기사리어나서"

_SAMPLE = 50_000
_FEWEST_CHARACTERS = 8
_LEAST_IN_SCRIPT = 0.95


@dataclass(frozen=True, slots=True)
class LegacyEncoding:
    """An encoding, the characters of its script, and its most frequent characters.

    Bytes decoded with the wrong encoding give rare characters: at least the share `least` of the
    characters of real text is among the `frequent` ones.
    """

    codec: str
    name: str
    script: re.Pattern[str]
    frequent: frozenset[str]
    least: float

    def fits(self, text: str) -> bool:
        """Return whether `text`, decoded with this encoding, is plausible in its script."""
        sample = text[:_SAMPLE]
        written = self.script.findall(sample)
        foreign = sum(not sign.isascii() for sign in _MARKS.sub("", sample))
        if len(written) < max(_FEWEST_CHARACTERS, foreign * _LEAST_IN_SCRIPT):
            return False
        return sum(sign in self.frequent for sign in written) >= len(written) * self.least


def _encoding(codec: str, name: str, script: str, frequent: str, least: float) -> LegacyEncoding:
    return LegacyEncoding(codec, name, re.compile(script), frozenset(frequent), least)


# Python's codecs of the supersets that programs write under the common names.
LEGACY_ENCODINGS = (
    _encoding("cp932", "Shift-JIS (Japanese)", f"[{_HAN}{_KANA}]", _JAPANESE, 0.2),
    _encoding("euc_jp", "EUC-JP (Japanese)", f"[{_HAN}{_KANA}]", _JAPANESE, 0.2),
    _encoding("gb18030", "GB 18030 (Chinese)", f"[{_HAN}]", _SIMPLIFIED, 0.15),
    _encoding("big5hkscs", "Big5 (Chinese)", f"[{_HAN}]", _TRADITIONAL, 0.15),
    _encoding("cp949", "EUC-KR (Korean)", f"[{_HANGUL}{_HAN}]", _KOREAN, 0.2),
    _encoding("koi8_r", "KOI8-R (Cyrillic)", _CYRILLIC, _RUSSIAN, 0.4),
    _encoding("cp1251", "Windows-1251 (Cyrillic)", _CYRILLIC, _RUSSIAN, 0.4),
    _encoding("iso8859_5", "ISO 8859-5 (Cyrillic)", _CYRILLIC, _RUSSIAN, 0.4),
    _encoding("cp866", "Code page 866 (Cyrillic)", _CYRILLIC, _RUSSIAN, 0.4),
)


def recognise_legacy(content: bytes) -> tuple[str, LegacyEncoding] | None:
    """Return the text and its encoding; None where no encoding fits, or more than one does."""
    fitting = []
    for encoding in LEGACY_ENCODINGS:
        try:
            text = content.decode(encoding.codec)
        except UnicodeDecodeError:
            continue
        if encoding.fits(text):
            fitting.append((text, encoding))
    return fitting[0] if len(fitting) == 1 else None
