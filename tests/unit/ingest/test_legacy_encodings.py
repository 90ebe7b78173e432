# ruff: noqa: RUF001 - text of many scripts is what is tested
"""Old encodings are recognised by the text that they give, and never guessed between two."""

from __future__ import annotations

import pytest

from appliance.ingest.errors import UnknownEncodingError
from appliance.ingest.extract.encoding import WINDOWS_NOTE, decode
from appliance.ingest.extract.legacy_encodings import LEGACY_ENCODINGS, LegacyEncoding

JAPANESE = (
    "このポンプは三月に交換されました。軸受けが摩耗していたためです。点検は王さんが行いました。"
)
SIMPLIFIED = (
    "北京分公司的水泵于三月更换。因为轴承已经磨损，检查由王工程师完成，"
    "费用由总部承担，这是我们的决定。"
)
TRADITIONAL = (
    "台北分公司的水泵於三月更換。因為軸承已經磨損，檢查由王工程師完成，"
    "費用由總部承擔，這是我們的決定。"
)
KOREAN = (
    "이 펌프는 삼월에 교체되었다. 베어링이 마모되었기 때문이다. "
    "점검은 김 기사가 하였고 비용은 본사가 부담한다."
)
RUSSIAN = "Насос заменили в марте, потому что подшипник износился. Проверку провёл инженер Петров."
UKRAINIAN = "Насос замінили в березні, тому що підшипник зносився. Перевірку провів інженер."

TEXTS = {
    "cp932": [JAPANESE],
    "euc_jp": [JAPANESE],
    "gb18030": [SIMPLIFIED],
    "big5hkscs": [TRADITIONAL],
    "cp949": [KOREAN],
    "koi8_r": [RUSSIAN],
    "cp1251": [RUSSIAN, UKRAINIAN],
    "iso8859_5": [RUSSIAN, UKRAINIAN],
    "cp866": [RUSSIAN],
}


@pytest.mark.parametrize("encoding", LEGACY_ENCODINGS, ids=lambda encoding: encoding.codec)
def test_each_encoding_is_recognised_and_named(encoding: LegacyEncoding) -> None:
    for text in TEXTS[encoding.codec]:
        for written in (text, f"{text}\r\n" * 40, f"Pump 3 (PDF), 12.5 mm:\n{text}"):
            note = f"The file is not UTF-8; it was read as {encoding.name}."
            assert decode(written.encode(encoding.codec)) == (written, note)


@pytest.mark.parametrize(
    "text",
    [
        "Das Gerät für Grüße aus Österreich, schön überprüft – größer als früher",
        "Été à la plage : où est-il allé ? Là-bas, à côté de l'hôtel où il a été élevé.",
        "Å være på jobb, å få lønn, å gå på tur og å så på våren: går det å få gå nå?",
        "¿Cuándo murió él? Mañana será más difícil para los niños según él y así fue.",
        "Ção, não, são, mãe, então, amanhã à tarde, lá há pães e também maçãs",
    ],
)
def test_western_text_is_still_read_as_windows_1252(text: str) -> None:
    assert decode(text.encode("cp1252")) == (text, WINDOWS_NOTE)


@pytest.mark.parametrize(
    ("text", "codec"), [("水泵更换", "gb18030"), ("Насос", "koi8_r"), ("ポンプ", "cp932")]
)
def test_a_few_characters_are_no_evidence(text: str, codec: str) -> None:
    with pytest.raises(UnknownEncodingError):
        decode(text.encode(codec))
