"""The HTML of an answer is saved with its end, and belongs to exactly that text."""

from __future__ import annotations

from appliance.answering.live_answer import LONGEST_ANSWER
from appliance.conversations.model import MessageState
from appliance.web import markdown
from tests.integration.answering.conftest import Chat


async def test_an_answer_that_ends_has_its_html(chat: Chat) -> None:
    chat.fake.behaviour.answer = "The *pump* was repaired [1]."
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert answer.state == MessageState.COMPLETE
    assert answer.html_version == markdown.VERSION
    assert answer.html == markdown.to_html(answer.text)
    assert "<em>pump</em>" in answer.html


async def test_an_answer_that_is_tried_again_loses_its_html(chat: Chat) -> None:
    chat.fake.behaviour.answer = "word " * 1000
    chat.fake.behaviour.token_delay = 0.01
    exchange = await chat.answering.start(chat.alice, "When?")
    await chat.until(exchange.answer.id, MessageState.WRITING)
    await chat.answering.stop(chat.alice, exchange.answer.id)
    stopped = await chat.finished(exchange.answer.id)
    assert stopped.html == markdown.to_html(stopped.text)
    again = await chat.answering.ask_again(chat.alice, exchange.answer.id)
    assert (again.answer.text, again.answer.html, again.answer.html_version) == ("", None, None)
    await chat.conversations.as_html(stopped)
    assert (await chat.message(exchange.answer.id)).html is None, "the HTML of a text that is gone"
    await chat.answering.stop(chat.alice, exchange.answer.id)
    await chat.finished(exchange.answer.id)


async def test_an_answer_without_end_is_cut(chat: Chat) -> None:
    chat.fake.behaviour.answer = ("long" * 20 + " ") * (LONGEST_ANSWER // 40)
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert answer.state == MessageState.COMPLETE
    assert len(answer.text) == LONGEST_ANSWER
    assert answer.error_code == "answer_too_long"
    assert answer.html
