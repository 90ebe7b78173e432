"""The HTML of an answer is made once for all open pages, and not more often than needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from appliance.answering.live_answer import LiveAnswer
from appliance.answering.model import Context, NumberedPassage, Queued, TextDelta, Thinking
from appliance.conversations.model import Author, Exchange, Message, MessageState
from tests.builders.answers import passage
from tests.fakes.clock import FakeClock
from webchat.pages.answer_view import AnswerHtml, status_words


def live() -> LiveAnswer:
    question = Message(
        id=uuid4(),
        conversation_id=uuid4(),
        ordinal=1,
        author=Author.PERSON,
        state=MessageState.COMPLETE,
        kind=None,
        text="When?",
        error_code=None,
        error_message=None,
        error_hint=None,
        model=None,
        worker=None,
        passages_found=None,
        passages_used=None,
        passages_shortened=None,
        questions_left_out=None,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        finished_at=None,
    )
    answer = replace(
        question,
        id=uuid4(),
        ordinal=2,
        author=Author.CLOISTER,
        state=MessageState.WAITING,
        text="",
        worker=1,
    )
    return LiveAnswer(UUID(int=1), Exchange(question, answer))


async def test_closed_blocks_are_rendered_once_and_the_tail_again() -> None:
    writing, clock = live(), FakeClock()
    answer = AnswerHtml(writing, clock)
    writing.take(Context(1, (NumberedPassage(1, passage()),)))
    writing.take(TextDelta("One [1].\n\nTwo\n"))
    await answer.up_to_date()
    assert len(answer.blocks) == 1
    assert 'class="citation"' in answer.blocks[0]
    assert answer.tail.strip() == "<p>Two</p>"
    first = answer.blocks[0]
    writing.take(TextDelta("goes on"))
    await answer.up_to_date()
    assert answer.blocks == [first]
    assert "Two\ngoes on" in answer.tail


async def test_the_first_word_is_shown_at_once_and_the_next_after_a_moment() -> None:
    writing, clock = live(), FakeClock()
    answer = AnswerHtml(writing, clock)
    await answer.up_to_date()
    start = clock.monotonic()
    writing.take(TextDelta("One"))
    await answer.up_to_date()
    assert clock.monotonic() == start
    writing.take(TextDelta(" two"))
    await answer.up_to_date()
    assert clock.monotonic() - start == pytest.approx(0.1)
    assert "One two" in answer.tail


async def test_a_second_page_shares_the_html_of_the_first() -> None:
    writing, clock = live(), FakeClock()
    answer = writing.shared(lambda found: AnswerHtml(found, clock))
    assert writing.shared(lambda found: AnswerHtml(found, clock)) is answer


def test_the_status_says_what_happens() -> None:
    writing = live()
    assert status_words(writing) == "Looking through your documents…"
    writing.take(Queued(3))
    assert status_words(writing) == "Waiting: 3 answers before yours…"
    writing.take(Queued(1))
    assert status_words(writing) == "Waiting: 1 answer before yours…"
    writing.take(Queued(12, 95))
    assert status_words(writing) == "Waiting: 12 answers before yours, about 1 min…"
    writing.take(Queued(0, 20))
    assert status_words(writing) == "Waiting: yours is next, about 20 s…"
    writing.take(Queued(0))
    assert status_words(writing) == "Waiting: yours is next…"
    writing.take(Context(12, ()))
    assert status_words(writing) == "Reading 12 passages…"
    writing.take(Context(1, ()))
    assert status_words(writing) == "Reading 1 passage…"
    writing.take(Thinking())
    assert status_words(writing) == "Thinking…"
    writing.take(TextDelta("One"))
    assert status_words(writing) == "Writing…"
