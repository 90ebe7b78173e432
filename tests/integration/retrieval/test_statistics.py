"""A ranking counts the words of the documents that its reader may see, and of no others."""

from __future__ import annotations

import pytest

from appliance.accounts.model import Account
from appliance.db.pool import Database
from appliance.retrieval.model import Retrieved
from appliance.retrieval.service import Retriever
from tests.builders.library import counted_terms, true_terms
from tests.builders.retrieval import Library, TestDocument

GUESSED, OTHERS = "tuberculosis", ("gasket", "invoice", "holiday", "elevator")
REMARK = "A remark {} about the matter of {} was made here."
# Other languages bring other stems and other stop words.
GERMAN = (
    "Die Diagnose der Mitarbeiterin lautet tuberculosis, und die Krankmeldung wird mit der "
    "nächsten invoice an die Verwaltung geschickt, weil sie dort die Akten führt."
)


@pytest.fixture(params=["words", "words and vectors"])
async def retriever(
    request: pytest.FixtureRequest, embedded: Library, words: Retriever, hybrid: Retriever
) -> Retriever:
    """Both kinds of retrieval."""
    del embedded
    return words if request.param == "words" else hybrid


@pytest.fixture
async def remarks(embedded: Library, alice: Account) -> None:
    """Alice's documents: one with the guessed word, two with each of the others."""
    own = await embedded.collection("Alice's", alice)
    texts = [REMARK.format(0, GUESSED)]
    texts += [REMARK.format(number, word) for word in OTHERS for number in (1, 2)]
    await embedded.add(*(TestDocument(f"{n}.txt", [text], own) for n, text in enumerate(texts)))


async def _ask(retriever: Retriever, reader: Account) -> list[Retrieved]:
    questions = [f"{GUESSED} {word}" for word in OTHERS]
    questions += [f"Was {GUESSED} the subject of any invoice or die Akten?", GUESSED, "die matter"]
    return [await retriever.retrieve(reader, question) for question in questions]


@pytest.mark.usefixtures("remarks")
async def test_what_others_keep_for_themselves_changes_no_result_and_no_score(
    retriever: Retriever, embedded: Library, alice: Account, bob: Account
) -> None:
    before = await _ask(retriever, alice)
    private = await embedded.collection("Bob's", bob)
    texts = [f"Personal file {n}: the diagnosis is {GUESSED} since spring." for n in range(6)]
    await embedded.add(*(TestDocument(f"{n}.txt", [t], private) for n, t in enumerate(texts)))
    await embedded.add(*(TestDocument(f"{n}.txt", [GERMAN], private) for n in range(6, 9)))
    assert await _ask(retriever, alice) == before
    assert all(found.passages for found in before[: len(OTHERS)])


@pytest.mark.usefixtures("remarks")
async def test_shared_documents_count_for_everybody(
    retriever: Retriever, embedded: Library, alice: Account
) -> None:
    before = await _ask(retriever, alice)
    texts = [f"Leaflet {n}: {GUESSED} is rare." for n in range(6)]
    await embedded.add(*(TestDocument(f"{n}.txt", [text]) for n, text in enumerate(texts)))
    assert await _ask(retriever, alice) != before


async def test_in_one_collection_words_weigh_what_they_weigh_in_all_that_one_may_see(
    words: Retriever, library: Library, alice: Account
) -> None:
    # By itself, the collection would give both words the same weight.
    one = await library.collection("One", alice)
    await library.add(*(TestDocument(f"{n}.txt", [f"Boiler {n}."]) for n in range(20)))
    await library.add(
        TestDocument("boiler.txt", ["A boiler."], one), TestDocument("valve.txt", ["A valve."], one)
    )
    found = await words.retrieve(alice, "boiler valve", collection=one)
    assert found.passages[0].file_name == "valve.txt"


async def test_each_collection_is_counted_for_itself_until_its_owner_is_removed(
    library: Library, alice: Account, bob: Account, database: Database
) -> None:
    for owner in (alice, bob):
        collection = await library.collection("Mine", owner)
        await library.add(TestDocument("a.txt", [REMARK.format(1, GUESSED)], collection))
        await library.add(TestDocument("b.txt", [GERMAN], collection))
    await library.add(TestDocument("shared.txt", [REMARK.format(2, "gasket")]))
    assert await counted_terms(database) == await true_terms(database)
    assert await _chunk_counts(database) == [1, 1, 1, 1, 1]
    async with database.connection() as connection:
        await connection.execute(
            "DELETE FROM core.account WHERE id IN (%s, %s)", (alice.id, bob.id)
        )
    assert await counted_terms(database) == await true_terms(database) != {}
    assert await _chunk_counts(database) == [1]
    async with database.connection() as connection:
        await connection.execute("DELETE FROM library.document")
    assert await counted_terms(database) == {}
    assert await _chunk_counts(database) == []


async def _chunk_counts(database: Database) -> list[int]:
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT chunks FROM library.collection_language")
        return [int(row[0]) for row in await cursor.fetchall()]
