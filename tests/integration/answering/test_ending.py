"""Stop, shutdown and crashes: the model stops, and nothing that was written is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from appliance.answering.service import Answering
from appliance.conversations.errors import AnswerUnfinishedError, NothingToTryAgainError
from appliance.conversations.model import MessageState
from appliance.core.clock import SystemClock
from appliance.db.pool import Database
from tests.builders.answers import shares_of
from tests.fakes.markdown import InlineMarkdown
from tests.integration.answering.conftest import SETTINGS, Chat, until


def slow(chat: Chat) -> None:
    chat.fake.behaviour.answer = "word [1] " * 500
    chat.fake.behaviour.token_delay = 0.02


async def test_stop_works_before_the_first_word(chat: Chat) -> None:
    chat.fake.behaviour.first_token_delay = 60
    exchange = await chat.answering.start(chat.alice, "When?")
    await chat.fake.until(lambda: chat.fake.active == 1)
    await chat.answering.stop(chat.alice, exchange.answer.id)
    answer = await chat.finished(exchange.answer.id)
    assert (answer.state, answer.text) == (MessageState.STOPPED, "")
    await chat.fake.until(lambda: chat.fake.aborted == 1)


async def test_stop_works_while_the_model_is_loaded(chat: Chat) -> None:
    chat.fake.behaviour.load_delay = 60
    exchange = await chat.answering.start(chat.alice, "When?")
    await chat.fake.until(lambda: len(chat.fake.requests_to("/api/chat")) == 1)
    await chat.answering.stop(chat.alice, exchange.answer.id)
    assert (await chat.finished(exchange.answer.id)).state == MessageState.STOPPED


async def test_stop_works_at_once_after_the_question(chat: Chat) -> None:
    exchange = await chat.answering.start(chat.alice, "When?")
    generation = chat.answering._generations[exchange.answer.id]
    generation.cancel(MessageState.STOPPED)
    assert (await chat.finished(exchange.answer.id)).state == MessageState.STOPPED


async def test_stop_in_mid_stream_keeps_the_text_and_ends_the_model(chat: Chat) -> None:
    slow(chat)
    exchange = await chat.answering.start(chat.alice, "When?")
    live = chat.answering.live(exchange.answer.id)
    assert live is not None
    await until(lambda: "word [1]" in live.text)
    await chat.answering.stop(chat.alice, exchange.answer.id)
    answer = await chat.finished(exchange.answer.id)
    assert answer.state == MessageState.STOPPED
    assert answer.text.startswith("word [1]")
    assert [each.number for each in await chat.citations(answer.id)] == [1]
    await chat.fake.until(lambda: chat.fake.aborted == 1)


async def test_stop_works_while_waiting_for_a_place(chat: Chat) -> None:
    chat.fake.behaviour.first_token_delay = 60
    async with chat.another(2, slots=1) as answering:
        await answering.start(chat.bob, "When?")
        await chat.fake.until(lambda: chat.fake.active == 1)
        exchange = await answering.start(chat.alice, "When?")
        live = answering.live(exchange.answer.id)
        assert live is not None
        await until(lambda: live.queued is not None and live.queued.ahead == 0)
        assert answering.admission.waiting == 1
        await answering.stop(chat.alice, exchange.answer.id)
        assert (await chat.finished(exchange.answer.id)).state == MessageState.STOPPED
        assert answering.admission.waiting == 0


async def test_stop_reaches_the_process_that_writes(chat: Chat) -> None:
    slow(chat)
    async with chat.another(2) as other:
        exchange = await other.start(chat.alice, "When?")
        await chat.fake.until(lambda: chat.fake.active == 1)
        await chat.answering.stop(chat.alice, exchange.answer.id)
        assert (await chat.finished(exchange.answer.id)).state == MessageState.STOPPED
    await chat.fake.until(lambda: chat.fake.aborted == 1)


async def test_stopping_a_finished_answer_changes_nothing(chat: Chat) -> None:
    exchange = await chat.answering.start(chat.alice, "When?")
    before = await chat.finished(exchange.answer.id)
    await chat.answering.stop(chat.alice, exchange.answer.id)
    assert await chat.message(exchange.answer.id) == before


async def test_a_stopped_answer_can_be_written_again(chat: Chat) -> None:
    chat.fake.behaviour.first_token_delay = 60
    exchange = await chat.answering.start(chat.alice, "When?")
    await chat.answering.stop(chat.alice, exchange.answer.id)
    await chat.finished(exchange.answer.id)
    await until(lambda: chat.answering.live(exchange.answer.id) is None)
    chat.fake.behaviour.first_token_delay = 0
    again = await chat.answering.ask_again(chat.alice, exchange.answer.id)
    assert again.question == exchange.question
    assert (await chat.finished(again.answer.id)).state == MessageState.COMPLETE
    with pytest.raises(NothingToTryAgainError):
        await chat.answering.ask_again(chat.alice, exchange.answer.id)


async def test_one_conversation_has_one_answer_at_a_time(chat: Chat) -> None:
    chat.fake.behaviour.first_token_delay = 60
    exchange = await chat.answering.start(chat.alice, "When?")
    with pytest.raises(AnswerUnfinishedError):
        await chat.answering.ask(chat.alice, exchange.question.conversation_id, "And who?")
    with pytest.raises(AnswerUnfinishedError):
        await chat.answering.ask_again(chat.alice, exchange.answer.id)


async def test_the_end_of_the_service_interrupts_and_keeps(chat: Chat) -> None:
    slow(chat)
    async with chat.another(2) as other:
        exchange = await other.start(chat.alice, "When?")
        live = other.live(exchange.answer.id)
        assert live is not None
        await until(lambda: "word" in live.text)
    answer = await chat.message(exchange.answer.id)
    assert (answer.state, answer.error_code) == (MessageState.INTERRUPTED, "interrupted")
    assert answer.text.startswith("word")
    await chat.fake.until(lambda: chat.fake.aborted == 1)


async def test_what_a_killed_process_left_is_marked_by_its_successor(
    chat: Chat, database: Database
) -> None:
    done = await chat.answering.start(chat.alice, "When?")
    await chat.finished(done.answer.id)
    mine = await chat.conversations.start(chat.alice, "Mine?", worker=2)
    others = await chat.conversations.start(chat.alice, "Theirs?", worker=1)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE chat.message SET state = 'writing', text = 'Half a' WHERE id = %s",
            (mine.answer.id,),
        )
    async with chat.another(2):
        answer = await chat.until(mine.answer.id, MessageState.INTERRUPTED)
    assert answer.text == "Half a"
    assert (await chat.message(others.answer.id)).state == MessageState.WAITING
    assert (await chat.message(done.answer.id)).state == MessageState.COMPLETE


async def test_the_first_process_also_marks_what_no_process_will(chat: Chat) -> None:
    orphan = await chat.conversations.start(chat.alice, "Orphan?", worker=5)
    settings = replace(SETTINGS, chat_processes=2)
    service = Answering(
        chat.database,
        chat.retriever,
        chat.runner,
        SystemClock(),
        settings,
        1,
        markdown=InlineMarkdown(),
        shares=shares_of(settings, chat.database),
    )
    async with service:
        await chat.until(orphan.answer.id, MessageState.INTERRUPTED)


async def test_an_answer_that_no_task_writes_can_still_be_stopped(chat: Chat) -> None:
    await chat.answering.start(chat.bob, "So that recovery is over?")
    lost = await chat.conversations.start(chat.alice, "Lost?", worker=1)
    await chat.answering.stop(chat.alice, lost.answer.id)
    assert (await chat.message(lost.answer.id)).state == MessageState.INTERRUPTED


async def test_a_revocation_closes_the_streams_of_that_account_only(chat: Chat) -> None:
    with (
        chat.answering.subscriptions.subscribe(chat.alice.id) as alice,
        chat.answering.subscriptions.subscribe(chat.bob.id) as bob,
    ):
        await until(lambda: chat.answering._notices.is_listening)
        await chat.answering._store.notify(f"revoked:{chat.alice.id}")
        await chat.answering._store.notify("nonsense")
        await until(lambda: alice.is_requested)
        assert (alice.may_reconnect, bob.is_requested) == (False, False)


async def test_after_a_lost_connection_all_streams_reconnect(
    chat: Chat, database: Database
) -> None:
    with chat.answering.subscriptions.subscribe(chat.alice.id) as alice:
        await until(lambda: chat.answering._notices.is_listening)
        async with database.connection() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query = 'LISTEN \"cloister_chat\"' AND datname = current_database()"
            )
        await until(lambda: alice.is_requested)
        assert alice.may_reconnect
