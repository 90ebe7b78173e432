"""Documents of every kind become searchable, and bad ones say why on their row."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from appliance.accounts.model import Account
from appliance.db.pool import Database
from appliance.ingest.extract.parser import ParserLimits
from appliance.library.model import Document, DocumentState
from appliance.library.page_state import PageState
from tests.builders import documents as make
from tests.builders.library import Shelf, running, search, worker

GOOD = "The pumping station was inspected in March. Two bearings were worn."


async def _read(
    library: Shelf,
    ingest_database: Database,
    actor: Account,
    name: str,
    content: bytes | str | Path,
    limits: ParserLimits | None = None,
) -> Document:
    """Upload a file and a good one after it, read both, and return what became of the first."""
    first = await library.upload(actor, name, content)
    good = await library.upload(actor, "good.txt", GOOD)
    async with running(worker(ingest_database, library.blobs, limits=limits)):
        document, other = await library.finished(actor, first.document.id, good.document.id)
    assert other.state is DocumentState.READY
    assert await search(ingest_database, "bearing") != []
    return document


async def test_a_chinese_word_is_found_across_the_end_of_a_line(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    uploaded = await library.upload(alice, "a.txt", "办事处设在北\n京市朝阳区。")
    async with running(worker(ingest_database, library.blobs)):
        await library.finished(alice, uploaded.document.id)
        page = await library.service.page(alice, uploaded.document.id, 1)
    assert page.text == "办事处设在北\n京市朝阳区。"
    assert await search(ingest_database, "北京") == ["a.txt"]


async def test_every_kind_of_document_becomes_searchable(
    library: Shelf, alice: Account, ingest_database: Database, tmp_path: Path
) -> None:
    files: dict[str, str | Path] = {
        "a.pdf": make.pdf(tmp_path / "a.pdf", ["The zebra\nlives in Kenya.", "A second page."]),
        "b.docx": make.word(tmp_path / "b.docx", [("Animals", ["The zebra has stripes."])]),
        "c.html": "<html><title>Zoo</title><body><h1>Zebra</h1><p>It eats grass.</body></html>",
        "d.md": "# Zoo\n\nThe zebra is in the zoo.",
        "e.csv": "animal,legs\nzebra,4\n",
        "f.txt": "A zebra crossed the road.",
    }
    uploads = [await library.upload(alice, name, content) for name, content in files.items()]
    ids = [uploaded.document.id for uploaded in uploads]
    async with running(worker(ingest_database, library.blobs)):
        documents = await library.finished(alice, *ids)
    assert [(one.file_name, one.state, one.fault) for one in documents] == [
        (name, DocumentState.READY, None) for name in files
    ]
    assert await search(ingest_database, "zebra") == list(files)
    assert documents[0].page_count == documents[0].pages_done == 2


async def test_a_document_is_found_by_its_name_its_title_and_its_headings(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    text = "# Crane maintenance\n\n## Ropes\n\nThey are replaced every year."
    uploaded = await library.upload(alice, "harbour_manual.md", text)
    async with running(worker(ingest_database, library.blobs)):
        await library.finished(alice, uploaded.document.id)
    for word in ("harbour", "manual", "crane", "rope", "replace"):
        assert await search(ingest_database, word) == ["harbour_manual.md"], word


async def test_chunks_are_exactly_the_text_of_their_page(
    library: Shelf, alice: Account, ingest_database: Database, database: Database
) -> None:
    text = "\n\n".join(f"Paragraph {number}. {make.LOREM}" for number in range(60))
    uploaded = await library.upload(alice, "long.txt", text)
    async with running(worker(ingest_database, library.blobs)):
        await library.finished(alice, uploaded.document.id)
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT c.text = substring(p.text FROM c.start_at + 1 FOR c.end_at - c.start_at),"
            " c.language, array_agg(c.ordinal) OVER () FROM library.chunk c"
            " JOIN library.page p ON p.document_id = c.document_id AND p.number = c.page"
        )
        rows = await cursor.fetchall()
    assert len(rows) > 10
    assert {row[:2] for row in rows} == {(True, "english")}
    assert sorted(rows[0][2]) == list(range(1, len(rows) + 1))


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("picture.pdf", make.picture(), "wrong_extension"),
        ("text.pdf", "only text", "wrong_extension"),
        ("program.exe", b"MZ\x90\x00", "unsupported_type"),
        ("noname", "text", "unsupported_type"),
        ("bytes.txt", b"\x00\xff\xfe\x00\x81" * 50, "wrong_extension"),
        ("blank.txt", " \n\n ", "no_text"),
    ],
)
async def test_a_file_that_is_not_what_it_says_fails_with_the_reason(
    library: Shelf,
    alice: Account,
    ingest_database: Database,
    name: str,
    content: bytes | str,
    code: str,
) -> None:
    document = await _read(library, ingest_database, alice, name, content)
    assert document.state is DocumentState.FAILED
    assert document.fault is not None
    assert document.fault.code == code
    assert document.fault.message
    assert document.fault.hint


async def test_bad_pdfs_fail_with_the_reason(
    library: Shelf, alice: Account, ingest_database: Database, tmp_path: Path
) -> None:
    files = {
        "encrypted_document": make.pdf(tmp_path / "locked.pdf", ["secret"], password="pass"),
        "no_text": make.scanned_pdf(tmp_path / "scan.pdf"),
        "damaged_file": make.damaged_pdf(tmp_path / "cut.pdf"),
    }
    for code, path in files.items():
        document = await _read(library, ingest_database, alice, path.name, path)
        assert document.fault is not None
        assert (document.state, document.fault.code) == (DocumentState.FAILED, code)
        if code == "no_text":
            ledger = await library.service.ledger(alice, document.id)
            assert [row.state for row in ledger] == [PageState.EMPTY, PageState.EMPTY]


async def test_two_long_words_hold_up_neither_the_process_nor_other_documents(
    library: Shelf, alice: Account, ingest_database: Database, tmp_path: Path
) -> None:
    """A PDF of a few hundred bytes: reading it once took the square of its letters."""
    words = "\n".join(letter * 50_000 for letter in "ab")
    pdf = make.pdf(tmp_path / "words.pdf", [words])
    assert pdf.stat().st_size < 4096
    longest = 0.0

    async def watch() -> None:
        """Measure the processor time of this thread from one turn of the loop to the next."""
        nonlocal longest
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - before)

    watching = asyncio.ensure_future(watch())
    document = await _read(library, ingest_database, alice, "words.pdf", pdf)
    watching.cancel()
    assert document.state is DocumentState.READY
    assert longest < 1.0


async def test_a_document_that_unpacks_to_gigabytes_fails(
    library: Shelf, alice: Account, ingest_database: Database, tmp_path: Path
) -> None:
    bomb = make.word_bomb(tmp_path / "bomb.docx", 8 * 1024 * 1024)
    limits = ParserLimits(unpacked=4 * 1024 * 1024)
    document = await _read(library, ingest_database, alice, "bomb.docx", bomb, limits)
    assert document.fault is not None
    assert document.fault.code == "document_bomb"


async def test_bytes_that_are_not_utf8_are_read_or_refused_but_never_stop_the_queue(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    latin = "Der Zähler wurde geprüft, die Röhre ersetzt.".encode("latin-1")
    document = await _read(library, ingest_database, alice, "latin.txt", latin)
    assert document.state is DocumentState.READY
    assert await search(ingest_database, "zähler") == ["latin.txt"]


async def test_a_file_that_is_gone_from_the_disk_fails_with_the_reason(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    uploaded = await library.upload(alice, "lost.txt", "lost")
    library.blobs.path(uploaded.document.digest).unlink()
    async with running(worker(ingest_database, library.blobs)):
        [document] = await library.finished(alice, uploaded.document.id)
    assert document.fault is not None
    assert document.fault.code == "file_missing"


async def test_a_parser_over_its_time_is_stopped_and_the_document_quarantined(
    library: Shelf, alice: Account, ingest_database: Database
) -> None:
    """The limit is too short for any parser: what is tested is what becomes of the document."""
    uploaded = await library.upload(alice, "slow.md", "# Slow")
    limits = ParserLimits(seconds=0.001)
    async with running(worker(ingest_database, library.blobs, limits=limits)):
        [document] = await library.finished(alice, uploaded.document.id)
    assert document.state is DocumentState.QUARANTINED
    assert document.fault is not None
    assert document.fault.code == "parser_timed_out"
