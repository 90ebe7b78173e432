"""What one person's documents may take: counted before it is kept, and exact at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from appliance.accounts.model import Account
from appliance.actors.model import CommandLine
from appliance.core.errors import ForbiddenError, NotFoundError
from appliance.db.pool import Database
from appliance.library.errors import QuotaExceededError
from appliance.library.model import Usage
from appliance.library.quota import NoSize, Quotas, parse_quota, written_quota
from appliance.settings.errors import SettingInvalidError
from appliance.settings.model import DOCUMENT_QUOTA
from tests.builders.audit import audited
from tests.builders.library import Shelf, pieces

MEBIBYTE = 1024 * 1024
LINE = CommandLine()


@pytest.fixture
def quotas(database: Database) -> Quotas:
    """What operators change quotas with."""
    return Quotas(database)


@pytest.fixture
def seen(chat_database: Database) -> Quotas:
    """The same as the chat server sees it."""
    return Quotas(chat_database)


async def _set_common(database: Database, value: int) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO core.setting (name, value) VALUES ('document_quota', to_jsonb(%s::bigint))"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (value,),
        )


async def test_without_any_choice_the_default_counts(
    library: Shelf, alice: Account, bob: Account, seen: Quotas
) -> None:
    await library.upload(alice, "a.txt", b"x" * 1000)
    await library.upload(alice, "b.txt", b"y" * 500, await library.own(alice))
    assert await seen.usage(alice) == Usage(1500, DOCUMENT_QUOTA.default)
    assert await seen.usage(bob) == Usage(0, DOCUMENT_QUOTA.default)


async def test_the_setting_counts_for_all_but_those_with_a_quota_of_their_own(
    alice: Account, bob: Account, olga: Account, database: Database, quotas: Quotas, seen: Quotas
) -> None:
    await _set_common(database, 5 * MEBIBYTE)
    await quotas.set(olga, bob.id, 7 * MEBIBYTE)
    assert (await seen.usage(alice)).limit == 5 * MEBIBYTE
    assert await seen.usage(bob) == Usage(0, 7 * MEBIBYTE, is_own=True)
    await quotas.set(olga, bob.id, NoSize.UNLIMITED)
    assert await seen.usage(bob) == Usage(0, None, is_own=True)
    await quotas.set(olga, bob.id, NoSize.DEFAULT)
    assert (await seen.usage(bob)).limit == 5 * MEBIBYTE
    await _set_common(database, 0)
    assert (await seen.usage(alice)).limit is None
    assert await audited(database) == [("olga", "person.set_quota", "bob")] * 3


async def test_a_file_counts_for_each_document_and_each_person_that_has_it(
    library: Shelf, alice: Account, bob: Account, seen: Quotas
) -> None:
    content = b"x" * 1000
    shared = await library.upload(alice, "a.txt", content)
    await library.upload(alice, "a.txt", content, await library.own(alice))
    await library.upload(bob, "a.txt", content, await library.own(bob))
    # It is in the shared library already, so nothing is added.
    await library.upload(bob, "a.txt", content)
    assert ((await seen.usage(alice)).used, (await seen.usage(bob)).used) == (2000, 1000)
    await library.service.delete(alice, shared.document.id)
    assert (await seen.usage(alice)).used == 1000


async def test_what_has_no_room_is_refused_and_leaves_nothing(
    library: Shelf, alice: Account, bob: Account, quotas: Quotas, seen: Quotas
) -> None:
    await quotas.set(LINE, alice.id, MEBIBYTE)
    first = (await library.upload(alice, "a.txt", b"x" * 900_000)).document
    with pytest.raises(QuotaExceededError) as refused:
        await library.upload(alice, "b.txt", b"y" * 200_000)
    assert refused.value.status == 413
    assert "879 KB of 1.0 MB" in refused.value.message
    assert library.files() == [first.digest]
    assert (await seen.usage(alice)).used == 900_000
    # Others have room of their own, and so has Alice once she deletes something.
    await library.upload(bob, "b.txt", b"y" * 200_000)
    await library.service.delete(alice, first.id)
    await library.upload(alice, "c.txt", b"z" * 1_000_000)


async def test_a_declared_size_without_room_is_refused_before_a_byte_is_read(
    library: Shelf, alice: Account, quotas: Quotas
) -> None:
    await quotas.set(LINE, alice.id, MEBIBYTE)
    read = False

    async def content() -> AsyncIterator[bytes]:
        nonlocal read
        read = True
        yield b"x"

    with pytest.raises(QuotaExceededError):
        async with library.service.receive(alice, content(), 1024 * 1024 + 1):
            pass
    assert not read


async def test_an_upload_that_declares_nothing_ends_at_the_piece_without_room(
    library: Shelf, alice: Account, quotas: Quotas
) -> None:
    await quotas.set(LINE, alice.id, MEBIBYTE)
    await library.upload(alice, "a.txt", b"x" * (MEBIBYTE - 1000))
    given = 0

    async def content() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 500
            yield b"y" * 500

    with pytest.raises(QuotaExceededError):
        async with library.service.receive(alice, content()):
            pass
    assert given == 1500


async def test_uploads_that_arrive_at_the_same_time_share_the_room(
    library: Shelf, alice: Account, quotas: Quotas
) -> None:
    await quotas.set(LINE, alice.id, MEBIBYTE)
    async with library.service.receive(alice, pieces(b"x" * 700_000)):
        with pytest.raises(QuotaExceededError):
            async with library.service.receive(alice, pieces(b"y" * 700_000)):
                pass
    # The first one was not kept, so its room is free again.
    async with library.service.receive(alice, pieces(b"y" * 700_000)):
        pass


async def test_of_parallel_uploads_only_those_with_room_are_added(
    library: Shelf, alice: Account, chat_database: Database, quotas: Quotas, seen: Quotas
) -> None:
    await quotas.set(LINE, alice.id, MEBIBYTE)
    target = await library.shared(alice)
    # Each has a counter of its own, as in several chat servers.
    services = [
        type(library.service)(chat_database, library.blobs, Quotas(chat_database)) for _ in range(8)
    ]
    results = await asyncio.gather(
        *(
            service.upload(
                alice, target, f"{number}.txt", pieces(bytes([number]) * 300_000), by=alice
            )
            for number, service in enumerate(services)
        ),
        return_exceptions=True,
    )
    refused = [each for each in results if isinstance(each, QuotaExceededError)]
    assert len(refused) == 5
    assert len(library.files()) == 3
    assert (await seen.usage(alice)).used == 900_000


async def test_a_repair_counts_for_the_person_who_has_the_document(
    library: Shelf, alice: Account, bob: Account, seen: Quotas
) -> None:
    content = b"x" * 1000
    document = (await library.upload(bob, "a.txt", content)).document
    library.blobs.path(document.digest).write_bytes(b"y" * len(content))
    assert (await library.upload(alice, "a.txt", content)).duplicate
    assert await library.original(bob, document.id) == content
    assert ((await seen.usage(alice)).used, (await seen.usage(bob)).used) == (0, 1000)


async def test_only_operators_may_see_and_change_quotas(
    alice: Account, bob: Account, olga: Account, library: Shelf, quotas: Quotas
) -> None:
    for attempt in (quotas.everyone(alice), quotas.set(alice, alice.id, NoSize.UNLIMITED)):
        with pytest.raises(ForbiddenError):
            await attempt
    await library.upload(bob, "b.txt", b"x" * 10)
    found = [(each.name, each.usage.used) for each in await quotas.everyone(olga)]
    assert found == [("bob", 10), ("alice", 0), ("olga", 0)]


async def test_a_person_who_is_gone_has_no_quota(quotas: Quotas, alice: Account) -> None:
    other = type(alice.id)(int=1)
    with pytest.raises(NotFoundError):
        await quotas.set(LINE, other, MEBIBYTE)


@pytest.mark.parametrize(
    ("text", "quota"),
    [
        ("5 GB", 5 * 1024 * MEBIBYTE),
        ("2tb", 2 * 1024 * 1024 * MEBIBYTE),
        (" none ", NoSize.UNLIMITED),
        ("Default", NoSize.DEFAULT),
    ],
)
def test_a_quota_is_read_as_people_write_it(text: str, quota: int | NoSize) -> None:
    assert parse_quota(text) == quota


@pytest.mark.parametrize("text", ["", "0", "much", "-5 GB", "65 TB", "1 KB"])
def test_a_quota_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(SettingInvalidError):
        parse_quota(text)


@pytest.mark.parametrize(
    ("usage", "text"),
    [
        (Usage(1, 5, is_own=False), "default"),
        (Usage(1, None, is_own=True), "none"),
        (Usage(1, 5 * MEBIBYTE, is_own=True), "5 MB"),
    ],
)
def test_a_quota_is_written_as_it_is_read(usage: Usage, text: str) -> None:
    assert written_quota(usage) == text
