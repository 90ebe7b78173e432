"""Without a model the best passages are quoted word for word, with their places."""

from __future__ import annotations

from appliance.answering.model import NumberedPassage
from appliance.answering.quote import quote, unescape
from appliance.retrieval.model import Passage
from tests.builders.answers import passage


def quoted(question: str, *passages: Passage) -> tuple[str, tuple[NumberedPassage, ...]]:
    result = quote(question, tuple(NumberedPassage(n, each) for n, each in enumerate(passages, 1)))
    return result.text, result.cited


def test_it_quotes_the_best_three_with_their_numbers() -> None:
    text, cited = quoted("pump?", *(passage(f"Passage number {n}.") for n in range(1, 6)))
    assert text.count("\n\n> ") == 3
    assert [each.number for each in cited] == [1, 2, 3]
    assert text.endswith("> Passage number 3. [3]")


def test_it_shortens_to_the_sentences_around_the_words_of_the_question() -> None:
    filler = "Nothing of interest happened on that day in the whole town. " * 20
    whole = f"{filler}The bearings were replaced by Ms Huber. {filler}"
    text, (numbered,) = quoted("Who replaced the bearings?", passage(whole))
    found = numbered.passage
    assert "The bearings were replaced by Ms Huber." in text
    assert len(found.text) <= 420
    assert whole[found.start - 100 : found.end - 100] == found.text


def test_a_text_without_sentence_ends_is_shortened_too() -> None:
    _, (numbered,) = quoted("word", passage("word " * 1000))
    assert len(numbered.passage.text) <= 420


def test_it_finds_the_sentence_in_scripts_without_spaces() -> None:
    whole = "今日は晴れです。" * 60 + "ポンプは五月に修理された。" + "明日は雨です。" * 60
    text, _ = quoted("ポンプはいつ修理されましたか", passage(whole))
    assert "ポンプは五月に修理された。" in text


def test_a_rare_word_of_the_question_says_more_than_many_common_ones() -> None:
    common = "What was the pump of the hall in the report of the year? " * 12
    whole = f"{common}The bearing was replaced by Ms Huber. {'Nobody knows why. ' * 30}"
    text, _ = quoted("What was in the report of the year about the bearing?", passage(whole))
    assert "Ms Huber" in text


def test_markdown_and_numbers_of_the_document_stay_text() -> None:
    text, _ = quoted("x", passage("# Not a heading\n1. *no* list [2] <b>"))
    assert "> \\# Not a heading\n> 1\\. \\*no\\* list" in text
    assert "[2]" not in text
    assert "\\<b\\>" in text


def test_in_plain_text_a_quotation_is_as_in_the_document() -> None:
    line = r"3. The *pump* of hall [2] costs <b>5 #</b> & \\ more"
    text, _ = quoted("pump?", passage(line))
    assert f"> {line} [1]" not in text
    assert f"> {line} [1]" in unescape(text)
