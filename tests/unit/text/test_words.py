# ruff: noqa: RUF001 - text of many scripts is what is tested
from __future__ import annotations

import pytest

from appliance.text.language import detect
from appliance.text.word_lists import STOP_WORDS, request_words
from appliance.text.words import all_words, question_language, question_words, search_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The input/output path, and/or more.", "the input output path and or more"),
        ("１２ ﬁles", "12 files"),
        ("Straße STRASSE", "strasse strasse"),
        ("1,234,567 and 3.5 and 1.2.3", "1234567 and 3.5 and 1.2.3"),
        ("DEN08WA042", "den08wa042"),
        ("jane_doe@example.com", "jane doe example com"),
        ("北京大学", "北京 京大 大学"),
        ("在2008年", "在 2008 年"),
        ("東京タワー", "東京 京タ タワ ワー"),
        ("한국어", "한국 국어"),
        ("हिन्दी भाषा", "हिन्दी भाषा"),
        ("cafe\u0301", "café"),
        ("", ""),
        ("?!", ""),
    ],
)
def test_it_makes_words_that_the_database_parses_as_words(text: str, expected: str) -> None:
    assert search_text(text) == expected


def test_a_question_finds_the_words_of_a_text_that_contains_it() -> None:
    text = "Die Prüfung nach DIN 1,234 ergab 3.5 mm; 北京大学 war beteiligt."
    stored = set(search_text(text).split())
    assert set(all_words("Prüfung 1,234 3.5 北京大学")) <= stored


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the capital of France?", ("capital", "france")),
        ("Was ist die Garantiezeit der Pumpe?", ("garantiezeit", "pumpe")),
        ("¿Cuál es la capital de Francia?", ("capital", "francia")),
        ("the the pump pump", ("pump",)),
        ("Who was it?", ()),
        ("北京在哪", ("北京", "京在", "在哪")),
        ("?", ()),
        ("Could you please tell me how much the deposit is?", ("deposit",)),
        ("Give me an overview of the contract", ("contract",)),
        ("Fasse den Mietvertrag zusammen", ("mietvertrag",)),
        ("Erkläre mir bitte die Kündigungsfrist", ("kündigungsfrist",)),
        ("Ich möchte gerne wissen, wann der Resturlaub verfällt", ("resturlaub", "verfällt")),
        ("Peux-tu me dire combien coûte le loyer ?", ("coûte", "loyer")),
        ("¿Me puedes decir cuántos días hay?", ("días", "hay")),
        ("Vorrei sapere quanti giorni sono", ("giorni",)),
        ("Kun je mij vertellen hoeveel de borg is?", ("borg",)),
        ("Расскажите мне пожалуйста о договоре", ("договоре",)),
    ],
)
def test_it_keeps_the_keywords_of_a_question(question: str, expected: tuple[str, ...]) -> None:
    assert question_words(question, question_language(question)) == expected


def test_words_of_asking_say_nothing_about_the_language_of_a_document() -> None:
    assert detect("Liste, Überblick, Zusammenfassung") == "simple"


SAMPLES = {
    "english": "The pump was replaced on the same day and it is in service again.",
    "german": "Die Pumpe wurde am gleichen Tag ersetzt und ist wieder in Betrieb.",
    "french": "La pompe a été remplacée le même jour et elle est de nouveau en service.",
    "spanish": "La bomba fue reemplazada el mismo día y está de nuevo en servicio.",
    "italian": "La pompa è stata sostituita lo stesso giorno ed è di nuovo in servizio.",
    "portuguese": "A bomba foi substituída no mesmo dia e não está em serviço ainda.",
    "dutch": "De pomp werd op dezelfde dag vervangen en is weer in gebruik, zo wordt het gezegd.",
    "swedish": "Pumpen byttes samma dag och är nu i drift igen, men det var inte lätt.",
    "danish": "Pumpen blev udskiftet samme dag og er nu i drift igen, men det var ikke let.",
    "norwegian": "Pumpen ble skiftet ut samme dag og er i drift igjen, men det var ikke lett.",
    "finnish": "Pumppu vaihdettiin samana päivänä ja se on taas käytössä, mutta ei kuin nyt.",
    "hungarian": "A szivattyút még aznap kicserélték, és már nem volt hiba, csak egy kis zaj.",
    "romanian": "Pompa a fost înlocuită în aceeași zi și este din nou în funcțiune.",
    "turkish": "Pompa aynı gün değiştirildi ve bu sorun daha sonra bir kez olarak görüldü.",
    "russian": "Насос был заменён в тот же день, и он снова работает, но не так как раньше.",
}


@pytest.mark.parametrize(("language", "text"), SAMPLES.items())
def test_it_tells_languages_apart(language: str, text: str) -> None:
    assert detect(text) == language


def test_every_language_has_a_sample_and_words_of_asking() -> None:
    assert SAMPLES.keys() == STOP_WORDS.keys() == request_words().keys()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pump",
        "北京大学在北京。",
        "Jest to bardzo ważny dokument, który dotyczy wszystkich pracowników firmy.",
        "Pump 17, Valve 4, Gasket 9, Bearing 12, Flange 3, Seal 8, Rotor 2",
    ],
)
def test_it_stays_simple_when_in_doubt(text: str) -> None:
    assert detect(text) == "simple"
