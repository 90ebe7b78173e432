"""From no chunk at all to terms that stand everywhere."""

from __future__ import annotations

from appliance.accounts.model import Account
from appliance.db.pool import Database
from appliance.retrieval.service import Retriever
from appliance.retrieval.store import Ranking
from tests.builders.retrieval import Library, TestDocument


async def test_an_empty_library_has_no_evidence(words: Retriever, alice: Account) -> None:
    assert (await words.retrieve(alice, "Is there anything?")).passages == ()


async def test_a_library_of_one_chunk_answers(
    words: Retriever, alice: Account, library: Library
) -> None:
    await library.add(TestDocument("only.txt", ["The gate code is 4711."]))
    assert (await words.retrieve(alice, "What is the gate code?")).passages[0].page == 1
    assert (await words.retrieve(alice, "Who painted the ceiling?")).passages == ()
    assert (await words.retrieve(alice, "What is the safe code?")).passages == ()


async def test_of_a_term_beyond_the_cap_that_is_the_only_one_the_newest_are_found(
    chat_database: Database, alice: Account, library: Library
) -> None:
    await library.add(*(TestDocument(f"{n}.txt", [f"Boiler number {n}."]) for n in range(30)))
    capped = Retriever(chat_database, ranking=Ranking(cap=10))
    found = await capped.retrieve(alice, "boiler")
    assert 0 < len(found.passages) <= 10
    assert {passage.file_name for passage in found.passages} == {f"{n}.txt" for n in range(20, 30)}


async def test_rare_terms_are_looked_up_before_common_ones(
    chat_database: Database, alice: Account, library: Library
) -> None:
    texts = [f"Boiler number {n}." for n in range(30)]
    texts[29] = "Boiler number 29 has a chimney."
    await library.add(*(TestDocument(f"{n}.txt", [text]) for n, text in enumerate(texts)))
    capped = Retriever(chat_database, ranking=Ranking(cap=3))
    found = await capped.retrieve(alice, "Which boiler has the chimney?")
    assert [passage.file_name for passage in found.passages] == ["29.txt"]


async def test_the_statement_never_reads_a_table_from_end_to_end(
    chat_database: Database, library: Library, alice: Account
) -> None:
    await library.add(*(TestDocument(f"{n}.txt", [f"Boiler number {n}."]) for n in range(300)))
    async with library.database.connection() as connection:
        await connection.execute("ANALYZE")
        before = await _sequential_reads(library)
        retriever = Retriever(chat_database)
        await retriever.retrieve(alice, "boiler number 17")
        await connection.execute("SELECT pg_stat_force_next_flush()")
    assert await _sequential_reads(library) == before


async def _sequential_reads(library: Library) -> object:
    async with library.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT sum(seq_scan) FROM pg_stat_user_tables"
            " WHERE relname IN ('chunk', 'page', 'term', 'collection_language', 'embedding')"
        )
        return await cursor.fetchone()
