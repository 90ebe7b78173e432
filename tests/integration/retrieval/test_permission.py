"""Nobody finds what is somebody else's, and nobody misses their own for it."""

from __future__ import annotations

import pytest

from appliance.accounts.model import Account
from appliance.actors.permissions import Role
from appliance.db.pool import Database
from appliance.retrieval.service import Retriever
from appliance.retrieval.store import Ranking
from tests.builders.retrieval import Library, TestDocument

SECRET = "The merger with Northwind Traders closes on the ninth of October."
QUESTION = "When does the merger with Northwind Traders close?"


@pytest.fixture(params=["words", "words and vectors"])
async def retriever(
    request: pytest.FixtureRequest, embedded: Library, words: Retriever, hybrid: Retriever
) -> Retriever:
    """Both kinds of retrieval."""
    del embedded
    return words if request.param == "words" else hybrid


async def test_only_the_owner_finds_it(
    retriever: Retriever, embedded: Library, alice: Account, bob: Account
) -> None:
    private = await embedded.collection("Mine", alice)
    await embedded.add(TestDocument("merger.txt", [SECRET], collection=private))
    operator = await embedded.account("olga", Role.OPERATOR)
    assert (await retriever.retrieve(alice, QUESTION)).passages[0].file_name == "merger.txt"
    assert (await retriever.retrieve(bob, QUESTION)).passages == ()
    assert (await retriever.retrieve(operator, QUESTION)).passages == ()


async def test_naming_the_collection_of_another_person_opens_nothing(
    retriever: Retriever, embedded: Library, alice: Account, bob: Account
) -> None:
    private = await embedded.collection("Mine", alice)
    await embedded.add(TestDocument("merger.txt", [SECRET], collection=private))
    assert (await retriever.retrieve(bob, QUESTION, collection=private)).passages == ()
    assert (await retriever.retrieve(alice, QUESTION, collection=private)).passages


async def test_a_collection_narrows_the_search(
    retriever: Retriever, embedded: Library, alice: Account
) -> None:
    first, second = await embedded.collection("First"), await embedded.collection("Second")
    await embedded.add(
        TestDocument("first.txt", [SECRET], collection=first),
        TestDocument("second.txt", [f"{SECRET} It was announced."], collection=second),
    )
    found = await retriever.retrieve(alice, QUESTION, collection=second)
    assert {passage.file_name for passage in found.passages} == {"second.txt"}


async def test_a_neighbourhood_full_of_foreign_chunks_does_not_hide_ones_own(
    retriever: Retriever, chat_database: Database, embedded: Library, alice: Account, bob: Account
) -> None:
    foreign = await embedded.collection("Bob's", bob)
    own = await embedded.collection("Alice's", alice)
    texts = [f"{SECRET} Version {number}." for number in range(150)]
    await embedded.add(*(TestDocument(f"{n}.txt", [t], foreign) for n, t in enumerate(texts)))
    await embedded.add(TestDocument("mine.txt", [f"{SECRET} My own note."], collection=own))
    for each in (retriever, Retriever(chat_database, ranking=Ranking(cap=20))):
        found = await each.retrieve(alice, QUESTION)
        assert [passage.file_name for passage in found.passages] == ["mine.txt"]


async def test_what_others_wrote_earlier_does_not_hide_ones_own_newest(
    chat_database: Database, library: Library, alice: Account, bob: Account
) -> None:
    foreign = await library.collection("Bob's", bob)
    own = await library.collection("Alice's", alice)
    await library.add(TestDocument("old.txt", ["A contract of 1990 with the baker."], own))
    texts = [f"The contract number {number} of Bob." for number in range(30)]
    await library.add(*(TestDocument(f"{n}.txt", [t], foreign) for n, t in enumerate(texts)))
    newest = "The contract: this contract replaces every older contract."
    await library.add(TestDocument("new.txt", [newest], own))
    found = await Retriever(chat_database, ranking=Ranking(cap=20)).retrieve(alice, "contract")
    assert [passage.file_name for passage in found.passages] == ["new.txt", "old.txt"]
