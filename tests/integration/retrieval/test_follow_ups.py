"""A follow-up question is about what was spoken of; a new subject is about itself."""

from __future__ import annotations

import pytest

from appliance.accounts.model import Account
from appliance.retrieval.service import Retriever
from tests.builders.retrieval import Library, TestDocument

TEXTS = {
    "tesla.txt": "Nikola Tesla was an inventor. He moved to New York in 1884 and died in 1943.",
    "edison.txt": "Thomas Edison was an inventor. He moved to Menlo Park in 1876 and died in 1931.",
    "curie.txt": "Marie Curie was a physicist. She moved to Paris in 1891 and died in 1934.",
    "pump.txt": "The pump in hall three failed in March 1998 because a bearing was worn.",
    "lease.txt": "The deposit of the flat is three months of rent.",
    "köln.txt": "Die Brücke in Köln wurde 1911 gebaut. Sie ist 400 Meter lang und aus Stahl.",
    "bonn.txt": "Die Brücke in Bonn wurde 1949 gebaut. Sie ist 394 Meter lang und aus Beton.",
    "水泵.txt": "北方公司的水泵于三月更换。它的价格是五千元。",
    "锅炉.txt": "南方公司的锅炉于五月更换。它的价格是九千元。",
}


@pytest.fixture(autouse=True)
async def filled(library: Library) -> Library:
    """Documents that are alike but for their subject."""
    await library.add(*(TestDocument(name, [text]) for name, text in TEXTS.items()))
    return library


async def first_file(words: Retriever, reader: Account, *conversation: str) -> str:
    """Return the file of the best passage for the last question of a conversation."""
    *earlier, question = conversation
    found = await words.retrieve(reader, question, earlier=earlier)
    return found.passages[0].file_name if found.passages else ""


@pytest.mark.parametrize(
    ("conversation", "file"),
    [
        (["Who was Thomas Edison?", "And when?"], "edison.txt"),
        (["Who was Nikola Tesla?", "What year did he die?"], "tesla.txt"),
        (["Who was Thomas Edison?", "What year did he die?"], "edison.txt"),
        (["Who was Thomas Edison?", "In what year did he move away?"], "edison.txt"),
        (["Who was Thomas Edison?", "What year did he die?", "Where did he move?"], "edison.txt"),
        (["Who was Nikola Tesla?", "Who was Marie Curie?", "Where did she move?"], "curie.txt"),
        (["Wann wurde die Brücke in Bonn gebaut?", "Wie lang ist sie?"], "bonn.txt"),
        (["Wann wurde die Brücke in Köln gebaut?", "Wie lang ist sie?"], "köln.txt"),
        (["Wann wurde die Brücke in Köln gebaut?", "Warum?"], "köln.txt"),
        (["北方公司的水泵什么时候更换?", "它的价格是多少?"], "水泵.txt"),
        (["南方公司的锅炉什么时候更换?", "它的价格是多少?"], "锅炉.txt"),
    ],
)
async def test_a_follow_up_is_about_what_was_spoken_of(
    words: Retriever, alice: Account, conversation: list[str], file: str
) -> None:
    assert await first_file(words, alice, *conversation) == file


@pytest.mark.parametrize(
    ("conversation", "file"),
    [
        (["Which pump failed in March 1998?", "How much is the deposit?"], "lease.txt"),
        (["Who was Nikola Tesla?", "When did the pump in hall three fail?"], "pump.txt"),
        (["Who was Nikola Tesla?", "When did Thomas Edison die?"], "edison.txt"),
        (["Who was Nikola Tesla?", "When did Marie Curie make her move?"], "curie.txt"),
        (["Wann wurde die Brücke in Köln gebaut?", "Und die Brücke in Bonn?"], "bonn.txt"),
        (["北方公司的水泵什么时候更换?", "南方公司的锅炉什么时候更换?"], "锅炉.txt"),
    ],
)
async def test_another_subject_in_the_same_conversation_is_not_held_back(
    words: Retriever, alice: Account, conversation: list[str], file: str
) -> None:
    assert await first_file(words, alice, *conversation) == file


async def test_a_question_without_a_subject_finds_nothing_by_itself(
    words: Retriever, alice: Account
) -> None:
    assert (await words.retrieve(alice, "And when?")).passages == ()
