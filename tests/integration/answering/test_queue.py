"""Few answers at once, in a fair order, and every one of them in the end."""

from __future__ import annotations

import pytest

from appliance.conversations.errors import EmptyQuestionError
from appliance.conversations.model import MessageState
from appliance.shares.errors import TooManyOfYoursWaitingError
from appliance.shares.model import Work, limits
from tests.integration.answering.conftest import SETTINGS, Chat, until

MOST_WAITING = limits(SETTINGS)[Work.ANSWER].waiting_of_one


async def test_the_model_never_gets_more_than_the_slots(chat: Chat) -> None:
    chat.fake.behaviour.token_delay = 0.002
    async with chat.another(2, slots=2) as answering:
        asked = [
            (reader, await answering.start(reader, f"{number}?"))
            for number in range(4)
            for reader in (chat.alice, chat.bob)
        ]
        for reader, exchange in asked:
            live = answering.live(exchange.answer.id)
            if live is not None:
                await live.until_ended()
            message = await chat.message(exchange.answer.id, reader)
            assert message.state == MessageState.COMPLETE
    assert chat.fake.most_active == 2


async def test_one_account_leaves_half_of_the_slots_to_the_others(chat: Chat) -> None:
    chat.fake.behaviour.first_token_delay = 60
    async with chat.another(2, slots=4) as answering:
        for number in range(6):
            await answering.start(chat.alice, f"{number}?")
        await chat.fake.until(lambda: chat.fake.active == 2)
        await answering.start(chat.bob, "And me?")
        await chat.fake.until(lambda: chat.fake.active == 3)
        assert (answering.admission.running, answering.admission.waiting) == (3, 4)


async def test_nothing_is_retrieved_before_a_slot_is_free(chat: Chat) -> None:
    chat.fake.behaviour.first_token_delay = 60
    async with chat.another(2, slots=1) as answering:
        await answering.start(chat.alice, "First?")
        await chat.fake.until(lambda: chat.fake.active == 1)
        await answering.start(chat.bob, "Second?")
        await until(lambda: answering.admission.waiting == 1)
        assert [question for _, question, _ in chat.retriever.asked] == ["First?"]


async def test_a_question_too_many_is_refused_before_it_is_saved(chat: Chat) -> None:
    chat.fake.behaviour.first_token_delay = 60
    async with chat.another(2, slots=1) as answering:
        most = MOST_WAITING + 1
        for number in range(most):
            await answering.start(chat.alice, f"{number}?")
        with pytest.raises(TooManyOfYoursWaitingError) as refused:
            await answering.start(chat.alice, "One more?")
        assert refused.value.retry_after is not None
        assert len(await chat.conversations.newest(chat.alice, limit=100)) == most
        # A question that cannot be saved keeps no place.
        with pytest.raises(EmptyQuestionError):
            await answering.start(chat.bob, " ")
        assert answering.admission.waiting == MOST_WAITING


async def test_ten_questions_of_one_person_do_not_starve_another(chat: Chat) -> None:
    chat.fake.behaviour.first_token_delay = 60
    async with chat.another(2, slots=1) as answering:
        first = await answering.start(chat.alice, "First?")
        await chat.fake.until(lambda: chat.fake.active == 1)
        for number in range(9):
            await answering.start(chat.alice, f"{number}?")
        await until(lambda: answering.admission.waiting == 9)
        mine = await answering.start(chat.bob, "And me?")
        live = answering.live(mine.answer.id)
        assert live is not None
        await until(lambda: live.queued is not None and live.queued.ahead == 0)
        assert answering.admission.waiting == 10
        chat.fake.behaviour.first_token_delay = 0
        await answering.stop(chat.alice, first.answer.id)
        await until(lambda: live.has_ended)
        message = await chat.message(mine.answer.id, chat.bob)
        assert message.state == MessageState.COMPLETE
