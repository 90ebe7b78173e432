# ruff: noqa: RUF001 - text of many scripts is what is tested
"""A question becomes words to look up and a text to embed."""

from __future__ import annotations

import pytest

from appliance.retrieval.question import read_question

LETTER = (
    "Dear Sir or Madam, my neighbour told me last Sunday that his cat had climbed over our fence"
    " and eaten the goldfish which my daughter had won at the summer fair in Brighton. We are quite"
    " upset about the whole affair and hope to settle this matter amicably. Kind regards, S. Hill."
)


def weights_of(question: str, *earlier: str) -> dict[str, float]:
    asked = read_question(question, earlier)
    return dict(zip(asked.words, asked.weights, strict=True))


def test_a_question_that_says_enough_is_self_contained() -> None:
    question = read_question("Which pump failed in March?", ["Who wrote the inspection report?"])
    assert "report" not in question.words
    assert set(question.weights) == {1.0}
    assert question.text == "Which pump failed in March?"


@pytest.mark.parametrize(
    ("question", "earlier"),
    [
        ("And in 1998?", "Which pump failed in March?"),
        ("When did he repair that pump?", "Who is Mr Miller?"),
        ("How many people live there?", "Where is the town of Fresno?"),
        ("Why?", "Which pump failed in March?"),
        ("Seit wann wohnt er dort?", "Wer ist Herr Müller?"),
        ("Was kostet das?", "Wie wird der Aufzug gewartet?"),
        ("Quel est son salaire ?", "Qui est le directeur de l'usine ?"),
        ("¿Cuándo murió ella?", "¿Quién fue María Curie?"),
        ("他住在哪里？", "谁是李明的老师？"),
    ],
)
def test_a_question_that_refers_back_asks_about_what_was_named(question: str, earlier: str) -> None:
    before = read_question(earlier).words
    weights = weights_of(question, earlier)
    assert all(weights[word] >= 0.9 for word in before)
    assert earlier in read_question(question, [earlier]).text


@pytest.mark.parametrize(
    "question",
    [
        "Where did the man that sold the house live?",
        "When did Tesla sell his patents?",
        "Is there an elevator in the building?",
        "How long does it take to get a passport?",
        "Können Sie mir sagen, wie hoch die Kaution ist?",
        "Wer sorgt dafür, dass der Aufzug läuft?",
        "Y a-t-il un ascenseur dans le bâtiment ?",
        "土耳其的首都是哪里？",
        "应该支付多少押金？",
    ],
)
def test_a_word_that_only_looks_like_pointing_does_not(question: str) -> None:
    asked = read_question(question, ["Who is Mr Miller from the boiler company?"])
    assert asked.words == read_question(question).words


def test_a_question_that_says_little_is_decided_by_its_own_words() -> None:
    weights = weights_of("How much is the deposit?", "Which pump failed in the hall in March?")
    assert weights["deposit"] == 1.0
    assert 0 < sum(weights.values()) - 1.0 <= 0.5


def test_it_goes_back_to_a_question_that_names_the_subject_and_no_further() -> None:
    asked = read_question(
        "And why?", ["Who owns the boiler in hall two?", "Which pump failed?", "And when?"]
    )
    assert set(asked.words) == {"pump", "failed"}


def test_the_conversation_tells_the_language_of_a_question_that_is_too_short() -> None:
    asked = read_question("Warum?", ["Wann wurde die Pumpe in der Halle ersetzt?"])
    assert asked.words == read_question("Wann wurde die Pumpe in der Halle ersetzt?").words


def test_a_word_of_both_questions_counts_once_and_fully() -> None:
    question = read_question("The pump?", ["Which pump failed?"])
    assert question.words.count("pump") == 1
    assert weights_of("The pump?", "Which pump failed?")["pump"] == 1.0


@pytest.mark.parametrize(
    "message", [f"{LETTER} How much is the deposit?", f"How much is the deposit? {LETTER}"]
)
def test_of_a_long_message_its_question_decides(message: str) -> None:
    weights = weights_of(message)
    assert weights["deposit"] == 1.0
    assert "cat" in weights
    assert sum(weights.values()) <= 1.5


def test_a_follow_up_to_a_long_message_is_about_its_question() -> None:
    asked = read_question("And why?", [f"{LETTER} How much is the deposit?"])
    assert asked.words == ("deposit",)


def test_a_question_of_words_that_only_ask_keeps_them() -> None:
    assert read_question("Who was it?").words == ("who", "was", "it")
    assert read_question("Please?").words == ("please",)
    assert read_question("Please?", ["What?"]).words == ("please",)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("水泵为什么更换", ("水泵", "更换")),
        ("被告是谁?", ("告 被告 告是",)),
        ("合同的目的是什么？", ("合同", "目 的目 目的")),
        ("请告诉我押金是多少", ("押金",)),
        ("申请在哪里提交", ("申请", "提交")),
        ("说明书在哪里", ("说明", "明书")),
    ],
)
def test_chinese_words_stay_whole(question: str, words: tuple[str, ...]) -> None:
    assert read_question(question).words == words


def test_an_empty_question_has_nothing_to_look_up() -> None:
    assert read_question("  \n ").words == ()
    assert read_question("  \n ").text == ""


def test_a_very_long_question_is_bounded() -> None:
    for message in ("pump valve bearing motor " * 500, " ".join(f"word{n}" for n in range(100))):
        question = read_question(message, [message])
        assert len(question.words) <= 32
        assert len(question.text) <= 2000


def test_half_a_surrogate_pair_does_not_break_the_text() -> None:
    read_question("pump \ud800 valve").text.encode("utf-8")
