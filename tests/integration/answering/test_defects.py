"""A defect, or a text that cannot be kept, costs one answer at most and never the chat server."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg.errors import DeadlockDetected

from appliance.answering.store import AnswerStore, Ending
from appliance.conversations.model import MessageState
from tests.fakes.ollama import Fault
from tests.integration.answering.conftest import Chat, until

UNKEEPABLE = "a\0b\ud800c"
Refuse = Callable[[Ending], Exception | None]


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Refuse], list[Ending]]:
    """Let the database refuse to keep answers; returns what was to be kept, in order."""

    def refusing(refuse: Refuse) -> list[Ending]:
        endings: list[Ending] = []
        keep = AnswerStore.finish

        async def finish(store: AnswerStore, ending: Ending) -> None:
            endings.append(ending)
            if error := refuse(ending):
                raise error
            await keep(store, ending)

        monkeypatch.setattr(AnswerStore, "finish", finish)
        return endings

    return refusing


async def test_what_the_database_cannot_keep_is_left_out_of_an_answer(chat: Chat) -> None:
    chat.fake.behaviour.answer = f"It says {UNKEEPABLE} [1]."
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.state, answer.text) == (MessageState.COMPLETE, "It says abc [1].")


async def test_what_the_database_cannot_keep_is_left_out_of_a_reason(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fakes.ollama_generation.CRASHED", f"it fell over {UNKEEPABLE}")
    chat.fake.behaviour.fault = Fault.CRASH
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert answer.error_code == "model_failed"
    assert "it fell over abc" in (answer.error_message or "")


async def test_a_fault_while_progress_is_saved_ends_neither_server_nor_answers(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = AnswerStore.save_progress
    faults: list[Exception] = [psycopg.DataError("no"), DeadlockDetected("no"), ValueError("no")]

    async def failing(store: AnswerStore, *written: object) -> object:
        if faults:
            raise faults.pop()
        return await save(store, *written)  # type: ignore[arg-type]

    monkeypatch.setattr(AnswerStore, "save_progress", failing)
    chat.fake.behaviour.answer = "word " * 2000
    chat.fake.behaviour.token_delay = 0.02
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.until(exchange.answer.id, MessageState.WRITING)
    assert answer.text.startswith("word")
    assert not faults


async def test_the_server_handles_notices_again_after_a_fault(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until(lambda: chat.answering._notices.is_listening)

    def failing(_: object) -> None:
        monkeypatch.undo()
        raise ValueError

    monkeypatch.setattr(chat.answering.subscriptions, "revoke", failing)
    with chat.answering.subscriptions.subscribe(chat.alice.id) as alice:
        await chat.answering._store.notify(f"revoked:{chat.alice.id}")
        # A notice may have been missed in the meantime, so all streams reconnect.
        await until(lambda: alice.is_requested)
        assert alice.may_reconnect
    with chat.answering.subscriptions.subscribe(chat.alice.id) as alice:
        await chat.answering._store.notify(f"revoked:{chat.alice.id}")
        await until(lambda: alice.is_requested)
        assert not alice.may_reconnect


async def test_recovery_is_tried_again_after_any_fault(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = await chat.conversations.start(chat.alice, "Left?", worker=2)
    interrupt = AnswerStore.interrupt_leftovers

    async def failing(*_: object) -> int:
        monkeypatch.setattr(AnswerStore, "interrupt_leftovers", interrupt)
        raise DeadlockDetected

    monkeypatch.setattr(AnswerStore, "interrupt_leftovers", failing)
    async with chat.another(2):
        await chat.until(left.answer.id, MessageState.INTERRUPTED)


async def test_an_answer_survives_a_deadlock_at_its_end(
    chat: Chat, refusing: Callable[[Refuse], list[Ending]]
) -> None:
    endings = refusing(lambda _: DeadlockDetected() if len(endings) == 1 else None)
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.state, len(endings)) == (MessageState.COMPLETE, 2)
    assert answer.text.startswith("The pump")


async def test_an_answer_that_cannot_be_saved_fails_and_allows_the_next_question(
    chat: Chat, refusing: Callable[[Refuse], list[Ending]]
) -> None:
    refusing(lambda ending: psycopg.DataError("no") if ending.progress.text else None)
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.state, answer.text) == (MessageState.FAILED, "")
    assert answer.error_code == "internal"
    await chat.answering.ask(chat.alice, exchange.question.conversation_id, "And now?")
