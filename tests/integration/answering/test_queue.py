"""Few answers at once, in a fair order, and every one of them in the end."""

from __future__ import annotations

from appliance.conversations.model import MessageState
from tests.integration.answering.conftest import Chat, until


async def test_the_model_never_gets_more_than_the_slots(chat: Chat) -> None:
    chat.fake.behaviour.token_delay = 0.002
    async with chat.another(2, slots=2) as answering:
        exchanges = [await answering.start(chat.alice, f"{number}?") for number in range(8)]
        for exchange in exchanges:
            answer = await chat.finished(exchange.answer.id)
            assert answer.state == MessageState.COMPLETE
    assert chat.fake.most_active == 2


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
        await until(lambda: live.ahead == 0)
        assert answering.admission.waiting == 10
        chat.fake.behaviour.first_token_delay = 0
        await answering.stop(chat.alice, first.answer.id)
        await until(lambda: live.has_ended)
        message = await chat.message(mine.answer.id, chat.bob)
        assert message.state == MessageState.COMPLETE
