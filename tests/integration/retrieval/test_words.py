"""Questions find passages by their words, in every language and however they are written."""

from __future__ import annotations

from itertools import pairwise

import pytest

from appliance.accounts.model import Account
from appliance.retrieval.service import Retriever
from tests.builders.retrieval import Library, TestDocument
from tests.integration.retrieval.conftest import by_meaning

PUMPS = "The pump in hall three was replaced in March because a bearing was worn. " * 3
VALVES = "Valve AB-1234/7 is rated for 3,500 litres and was inspected by O'Brien. " * 3
GERMAN = (
    "Die Prüfung der Förderbänder ergab, dass die Verschleißgrenze erreicht war. Die "
    "Instandhaltung tauschte deshalb alle Bänder in der Lagerhalle aus. " * 2
)
CHINESE = "北京分公司的水泵于三月更换。因为轴承已经磨损。检查由王工程师完成。费用由总部承担。" * 2


@pytest.fixture(autouse=True)
async def filled(library: Library) -> Library:
    """Four documents on different things."""
    await library.add(
        TestDocument("pumps.txt", [PUMPS], title="Pumps"),
        TestDocument("valves.txt", ["Nothing to see on this page of the file.", VALVES]),
        TestDocument("bänder.txt", [GERMAN]),
        TestDocument("水泵.txt", [CHINESE]),
    )
    return library


@pytest.mark.parametrize(
    ("question", "file"),
    [
        ("When were the pumps replaced?", "pumps.txt"),
        ("why was the BEARING worn?", "pumps.txt"),
        ("Who inspected AB-1234/7?", "valves.txt"),
        ("ab 1234 7", "valves.txt"),
        ("What is rated for 3500 litres?", "valves.txt"),
        ("Was ergaben die Prüfungen des Förderbandes?", "bänder.txt"),
        ("Wann ist die VERSCHLEISSGRENZE erreicht?", "bänder.txt"),
        ("Wer tauscht Bänder in den Lagerhallen?", "bänder.txt"),
        ("水泵为什么更换", "水泵.txt"),
        ("轴承磨损", "水泵.txt"),
        ("O'Brien", "valves.txt"),
    ],
)
async def test_it_finds_the_document(
    words: Retriever, alice: Account, question: str, file: str
) -> None:
    found = await words.retrieve(alice, question)
    assert not by_meaning(found)
    assert found.passages[0].file_name == file


async def test_a_text_too_short_to_tell_its_language_is_found_by_stems(
    words: Retriever, alice: Account, library: Library
) -> None:
    await library.add(TestDocument("list.csv", ["compressor, 2019, broken"], language="simple"))
    found = await words.retrieve(alice, "Which of the compressors are broken?")
    assert found.passages[0].file_name == "list.csv"


async def test_a_passage_is_the_text_of_its_page(
    words: Retriever, alice: Account, library: Library
) -> None:
    page = "\n\n".join(f"Report {n}. " + f"Turbine {n} ran for {n} hours. " * 30 for n in range(5))
    document = TestDocument("turbine.txt", ["intro", page])
    await library.add(document)
    found = await words.retrieve(alice, "How many hours did turbine 3 run?")
    [*passages] = [item for item in found.passages if item.document_id == document.id]
    assert passages
    for passage in passages:
        assert passage.page == 2
        assert page[passage.start : passage.end] == passage.text


@pytest.mark.parametrize(
    "question",
    [
        "",
        "   \n",
        "?!…",
        "the of and",
        "Who won the championship in Melbourne?",
        "\x00\x00",
        "\ud800",
        "zzzzqqqq",
    ],
)
async def test_without_evidence_it_returns_nothing(
    words: Retriever, alice: Account, question: str
) -> None:
    assert (await words.retrieve(alice, question)).passages == ()


@pytest.mark.parametrize(
    "question",
    [
        "pump bearing hall'; DROP TABLE chunk; --",
        "pump' | 'valve & !('bearing':*)",
        "pump bearing \\' \\\\ \" ''' <-> %s %% {} $1",
        "pump\x00bearing",
        "pump \ud83d bearing",
        "pump 😀 bearing",
    ],
)
async def test_signs_that_mean_something_to_sql_are_only_signs(
    words: Retriever, alice: Account, question: str
) -> None:
    assert "pumps.txt" in [p.file_name for p in (await words.retrieve(alice, question)).passages]
    assert (await words.retrieve(alice, "pump bearing")).passages


async def test_a_lexeme_with_quotes_and_backslashes_is_found(
    words: Retriever, alice: Account, library: Library
) -> None:
    # Ingest writes none of these today; the statement must stand them all the same.
    async with library.database.connection() as connection:
        await connection.execute(
            "UPDATE library.chunk SET words = words || array_to_tsvector(ARRAY[%s, %s])",
            ("it's", "back\\slash"),
        )
        await connection.execute(
            "INSERT INTO library.term SELECT DISTINCT collection_id, 'simple', word, 5"
            " FROM library.collection_language, unnest(ARRAY[%s, %s]) AS word",
            ("it's", "back\\slash"),
        )
    assert (await words.retrieve(alice, "pump replaced")).passages


async def test_a_question_of_ten_kilobytes_is_answered(words: Retriever, alice: Account) -> None:
    question = "Why was the pump in hall three replaced? " + "Please tell me more. " * 500
    assert (await words.retrieve(alice, question)).passages[0].file_name == "pumps.txt"


async def test_the_best_come_first_and_no_more_than_asked_for(
    words: Retriever, alice: Account, library: Library
) -> None:
    await library.add(
        *(
            TestDocument(f"{n}.txt", [f"Boiler {n} has a chimney of its own number {n * 7}."])
            for n in range(30)
        )
    )
    found = await words.retrieve(alice, "Which boiler has a chimney?", k=5)
    assert len(found.passages) == 5
    assert all(first.score >= second.score for first, second in pairwise(found.passages))


async def test_the_same_text_in_two_documents_comes_once(
    words: Retriever, alice: Account, library: Library
) -> None:
    await library.add(*(TestDocument(f"copy {n}.txt", [PUMPS]) for n in range(40)))
    found = await words.retrieve(alice, "When was the pump in hall three replaced?")
    assert len([p for p in found.passages if "hall three" in p.text]) == 1


async def test_contracts_of_one_template_that_contradict_each_other_are_all_shown(
    words: Retriever, alice: Account, library: Library
) -> None:
    text = "This contract may be ended with a notice period of {} months. " + PUMPS
    await library.add(
        *(TestDocument(f"{n}.txt", [text.format(n)]) for n in ("three", "6", "12")),
    )
    found = await words.retrieve(alice, "What is the notice period of the contract?")
    assert {passage.file_name for passage in found.passages[:3]} == {"three.txt", "6.txt", "12.txt"}


async def test_a_document_that_is_deleted_is_not_found(
    words: Retriever, alice: Account, library: Library
) -> None:
    async with library.database.connection() as connection:
        await connection.execute("DELETE FROM library.document WHERE file_name = 'pumps.txt'")
    assert (await words.retrieve(alice, "When were the pumps replaced?")).passages == ()
