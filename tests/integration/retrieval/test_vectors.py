"""Vectors help when they are there, and nobody waits or fails when they are not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from appliance.accounts.model import Account
from appliance.core.clock import SystemClock
from appliance.db.pool import Database
from appliance.llm.client import ModelRunner
from appliance.llm.model import Embeddings, InstalledModel
from appliance.retrieval.embedding import QuestionEmbedder
from appliance.retrieval.service import Retriever
from appliance.retrieval.store import Ranking
from tests.builders.retrieval import Library, TestDocument, with_vectors
from tests.fakes.clock import FakeClock
from tests.fakes.ollama_words import embed
from tests.integration.retrieval.conftest import DIMENSIONS, Runner, by_meaning, meaning

PUMPS = "The pump in hall three was replaced in March because a bearing was worn."
QUESTION = "When was the pump replaced?"


class Hanging:
    """Never answers, but for the list of its models."""

    async def models(self) -> list[InstalledModel]:
        """Return the model whose vectors are searched."""
        return await Runner().models()

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Wait for ever."""
        await asyncio.Event().wait()
        raise AssertionError(model, texts)


async def test_vectors_are_used_and_measured(
    hybrid: Retriever, embedded: Library, alice: Account
) -> None:
    await embedded.add(TestDocument("pumps.txt", [PUMPS]))
    found = await hybrid.retrieve(alice, QUESTION)
    similarity = found.passages[0].similarity
    assert similarity is not None
    assert 0.2 < similarity <= 1.0


async def test_what_means_the_same_is_found_without_a_common_word(
    hybrid: Retriever, embedded: Library, alice: Account
) -> None:
    same = Library(embedded.database, embedded.model, lambda _: meaning("swapped engine"))
    await same.add(TestDocument("pumps.txt", [PUMPS]))
    found = await hybrid.retrieve(alice, "swapped engine")
    assert [passage.file_name for passage in found.passages] == ["pumps.txt"]
    assert found.passages[0].coverage == 0.0


async def test_many_chunks_are_searched_through_the_index(
    chat_database: Database, embedded: Library, alice: Account, clock: FakeClock
) -> None:
    await embedded.add(
        *(TestDocument(f"{n}.txt", [f"Boiler number {n} in hall {n * 3}."]) for n in range(60))
    )
    retriever = Retriever(chat_database, Runner(), clock, ranking=Ranking(cap=20))
    found = await retriever.retrieve(alice, "Boiler number 41 in hall 123")
    assert found.passages[0].file_name == "41.txt"


async def test_a_runner_that_is_down_leaves_the_words(
    chat_database: Database, embedded: Library, alice: Account
) -> None:
    await embedded.add(TestDocument("pumps.txt", [PUMPS]))
    async with ModelRunner("http://127.0.0.1:9") as runner:
        retriever = Retriever(chat_database, runner, SystemClock())
        found = await retriever.retrieve(alice, QUESTION)
    assert not by_meaning(found)
    assert found.passages[0].file_name == "pumps.txt"


async def test_a_runner_that_hangs_is_waited_for_once(
    chat_database: Database, embedded: Library, alice: Account, clock: FakeClock
) -> None:
    await embedded.add(TestDocument("pumps.txt", [PUMPS]))
    embedder = QuestionEmbedder(Hanging(), clock, deadline=0.05)
    retriever = Retriever(chat_database, None, clock, embedder=embedder)
    for _ in range(20):
        found = await retriever.retrieve(alice, QUESTION)
        assert found.passages
        assert not by_meaning(found)
    await retriever.aclose()


async def test_a_document_without_vectors_yet_is_found_by_its_words(
    hybrid: Retriever, embedded: Library, alice: Account
) -> None:
    await Library(embedded.database).add(TestDocument("pumps.txt", [PUMPS]))
    found = await hybrid.retrieve(alice, QUESTION)
    assert found.passages[0].file_name == "pumps.txt"
    assert found.passages[0].similarity is None


async def test_another_embedding_model_takes_over_while_questions_are_asked(
    hybrid: Retriever, embedded: Library, alice: Account, clock: FakeClock, database: Database
) -> None:
    await embedded.add(TestDocument("pumps.txt", [PUMPS]))
    assert (await hybrid.retrieve(alice, QUESTION)).passages[0].similarity is not None
    await with_vectors(database, "second", DIMENSIONS + 1, lambda text: embed(text, DIMENSIONS + 1))
    async with database.connection() as connection:
        await connection.execute("SELECT library.drop_vectors(%s)", (embedded.model,))
    # The retriever still knows the old model: its vectors are gone, the words are not.
    assert (await hybrid.retrieve(alice, QUESTION)).passages[0].similarity is None
    clock.advance(60)
    found = await hybrid.retrieve(alice, QUESTION)
    assert found.passages
    assert not by_meaning(found)


async def test_while_a_model_that_was_pulled_again_gets_new_vectors_the_words_are_searched(
    hybrid: Retriever, embedded: Library, alice: Account, clock: FakeClock, runner: Runner
) -> None:
    await embedded.add(TestDocument("pumps.txt", [PUMPS]))
    assert by_meaning(await hybrid.retrieve(alice, QUESTION))
    runner.digests["first"] = "other weights"
    clock.advance(60)
    found = await hybrid.retrieve(alice, QUESTION)
    assert not by_meaning(found)
    assert found.passages[0].file_name == "pumps.txt"


async def test_a_model_that_was_never_finished_is_not_used(
    hybrid: Retriever, embedded: Library, alice: Account, database: Database
) -> None:
    await embedded.add(TestDocument("pumps.txt", [PUMPS]))
    async with database.connection() as connection:
        await connection.execute("UPDATE library.embedding_model SET state = 'building'")
    assert not by_meaning(await hybrid.retrieve(alice, QUESTION))
