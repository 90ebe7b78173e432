"""Conversations belong to one person, and keep what was said."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from appliance.accounts.model import Account
from appliance.conversations.errors import (
    AnswerUnfinishedError,
    EmptyQuestionError,
    QuestionTooLongError,
    WrongTitleError,
)
from appliance.conversations.model import Author, MessageState
from appliance.conversations.service import Conversations
from appliance.core.errors import NotFoundError
from appliance.db.pool import Database
from tests.builders.people import add_person
from tests.fakes.markdown import InlineMarkdown


@pytest.fixture
def conversations(chat_database: Database) -> Conversations:
    return Conversations(chat_database, InlineMarkdown())


@pytest.fixture
async def alice(database: Database) -> Account:
    return await add_person(database, "alice")


@pytest.fixture
async def bob(database: Database) -> Account:
    return await add_person(database, "bob")


async def complete(database: Database) -> None:
    """Have every answer complete."""
    async with database.connection() as connection:
        await connection.execute("UPDATE chat.message SET state = 'complete'")


async def test_a_first_question_begins_a_conversation(
    conversations: Conversations, alice: Account
) -> None:
    exchange = await conversations.start(alice, "  Who repaired\r\nthe pump?  ", worker=3)
    thread = await conversations.thread(alice, exchange.question.conversation_id)
    assert thread.conversation.title == "Who repaired the pump?"
    question, answer = thread.messages
    assert (question.text, question.author) == ("Who repaired\nthe pump?", Author.PERSON)
    assert (question.state, question.worker) == (MessageState.COMPLETE, None)
    assert (answer.state, answer.worker, answer.text) == (MessageState.WAITING, 3, "")
    assert (question, answer) == (exchange.question, exchange.answer)


async def test_a_long_first_question_makes_a_short_title(
    conversations: Conversations, alice: Account
) -> None:
    exchange = await conversations.start(alice, "pump " * 1000, worker=1)
    thread = await conversations.thread(alice, exchange.question.conversation_id)
    assert len(thread.conversation.title) <= 81
    assert thread.conversation.title.endswith("pump…")


async def test_questions_follow_in_order(
    conversations: Conversations, alice: Account, database: Database
) -> None:
    first = await conversations.start(alice, "One?", worker=1)
    await complete(database)
    await conversations.ask(alice, first.question.conversation_id, "Two?", worker=1)
    thread = await conversations.thread(alice, first.question.conversation_id)
    assert [message.ordinal for message in thread.messages] == [1, 2, 3, 4]
    assert thread.messages[2].text == "Two?"


async def test_two_questions_at_once_give_one_answer(
    conversations: Conversations, alice: Account, database: Database
) -> None:
    first = await conversations.start(alice, "One?", worker=1)
    await complete(database)
    conversation = first.question.conversation_id
    results = await asyncio.gather(
        *(conversations.ask(alice, conversation, f"{n}?", worker=1) for n in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, AnswerUnfinishedError) for result in results) == 4
    assert len((await conversations.thread(alice, conversation)).messages) == 4


async def test_the_list_is_newest_first_and_in_pages(
    conversations: Conversations, alice: Account, bob: Account, database: Database
) -> None:
    for number in range(5):
        await conversations.start(alice, f"Number {number}?", worker=1)
    await conversations.start(bob, "Bob's?", worker=1)
    await complete(database)
    first = await conversations.newest(alice, limit=3)
    rest = await conversations.newest(alice, before=first[-1].id, limit=3)
    titles = [conversation.title for conversation in first + rest]
    assert titles == [f"Number {number}?" for number in (4, 3, 2, 1, 0)]
    await conversations.ask(alice, rest[-1].id, "Again?", worker=1)
    assert (await conversations.newest(alice))[0].id == rest[-1].id


async def test_a_title_is_changed_and_checked(conversations: Conversations, alice: Account) -> None:
    exchange = await conversations.start(alice, "One?", worker=1)
    conversation = exchange.question.conversation_id
    assert (await conversations.rename(alice, conversation, " A\n b ")).title == "A b"
    assert (await conversations.rename(alice, conversation, "a\0b\ud800c")).title == "abc"
    for wrong in ("", "  ", "\0", "x" * 201):
        with pytest.raises(WrongTitleError):
            await conversations.rename(alice, conversation, wrong)


async def test_a_deleted_conversation_is_gone_with_all_in_it(
    conversations: Conversations, alice: Account
) -> None:
    exchange = await conversations.start(alice, "One?", worker=1)
    await conversations.delete(alice, exchange.question.conversation_id)
    with pytest.raises(NotFoundError):
        await conversations.thread(alice, exchange.question.conversation_id)
    with pytest.raises(NotFoundError):
        await conversations.message(alice, exchange.answer.id)


async def test_the_conversation_of_another_person_does_not_exist(
    conversations: Conversations, alice: Account, bob: Account
) -> None:
    exchange = await conversations.start(alice, "One?", worker=1)
    conversation = exchange.question.conversation_id
    for attempt in (
        conversations.thread(bob, conversation),
        conversations.message(bob, exchange.answer.id),
        conversations.citations(bob, exchange.answer.id),
        conversations.ask(bob, conversation, "Mine?", worker=1),
        conversations.ask_again(bob, exchange.answer.id, worker=1),
        conversations.rename(bob, conversation, "Mine"),
        conversations.delete(bob, conversation),
        conversations.thread(alice, uuid4()),
    ):
        with pytest.raises(NotFoundError):
            await attempt
    assert await conversations.newest(bob) == []
    assert len(await conversations.newest(bob, before=conversation)) == 0


@pytest.mark.parametrize("length", [7999, 8000])
async def test_the_limit_of_a_question_is_inclusive(
    conversations: Conversations, alice: Account, length: int
) -> None:
    exchange = await conversations.start(alice, "x" * length, worker=1)
    assert len(exchange.question.text) == length


async def test_a_question_without_words_or_with_too_many_is_refused(
    conversations: Conversations, alice: Account
) -> None:
    with pytest.raises(EmptyQuestionError):
        await conversations.start(alice, " \n ", worker=1)
    with pytest.raises(QuestionTooLongError, match="8,001"):
        await conversations.start(alice, "x" * 8001, worker=1)
    assert await conversations.newest(alice) == []
