"""The HTML of an answer is made once for all open pages, and not more often than needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from appliance.answering.live_answer import LONGEST_ANSWER, LiveAnswer
from appliance.answering.model import Context, NumberedPassage, Queued, TextDelta, Thinking
from appliance.conversations.model import Author, Exchange, Message, MessageState
from tests.builders.answers import passage
from tests.fakes.clock import FakeClock
from tests.fakes.markdown import InlineMarkdown
from webchat.pages.answer_html import SHORT_REST, AnswerHtml
from webchat.pages.answer_view import status_words


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
    answer = AnswerHtml(writing, clock, InlineMarkdown())
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
    answer = AnswerHtml(writing, clock, InlineMarkdown())
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
    answer = writing.shared(lambda found: AnswerHtml(found, clock, InlineMarkdown()))
    assert writing.shared(lambda found: AnswerHtml(found, clock, InlineMarkdown())) is answer


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


async def test_the_work_grows_with_the_text_and_not_with_its_square() -> None:
    writing, markdown = live(), InlineMarkdown()
    answer = AnswerHtml(writing, FakeClock(), markdown)
    written = "- a point of one long list\n" * 800
    for start in range(0, len(written), 27):
        writing.take(TextDelta(written[start : start + 27]))
        await answer.up_to_date()
        assert answer.version == writing.version
    assert len(written) > 20_000
    # Each time it is rendered it has grown by a quarter, but for the beginning.
    assert markdown.rendered < 8 * len(written) + SHORT_REST**2 / 27


async def test_what_is_not_rendered_yet_follows_as_it_is_written() -> None:
    writing = live()
    answer = AnswerHtml(writing, FakeClock(), InlineMarkdown())
    writing.take(TextDelta("- a *point*\n" * 400))
    await answer.up_to_date()
    edition, tail = answer.edition, answer.tail
    writing.take(TextDelta("- *new*"))
    await answer.up_to_date()
    assert (answer.edition, answer.tail) == (edition, tail)
    assert answer.fresh == "- *new*"
    writing.take(TextDelta("\n- a *point*" * 200))
    await answer.up_to_date()
    assert answer.edition == edition + 1
    assert answer.fresh == ""
    assert "<em>new</em>" in answer.tail


async def test_while_nothing_can_be_rendered_the_text_is_shown_as_it_is_written() -> None:
    writing, clock, markdown = live(), FakeClock(), InlineMarkdown()
    answer = AnswerHtml(writing, clock, markdown)
    markdown.is_down = True
    writing.take(TextDelta("One *two*"))
    await answer.up_to_date()
    assert answer.fresh == "One *two*"
    markdown.is_down = False
    clock.advance(60)
    writing.take(TextDelta("."))
    await answer.up_to_date()
    assert answer.fresh == ""
    assert "<em>two</em>" in answer.tail


def test_an_answer_ends_at_its_longest_length() -> None:
    writing = live()
    writing.take(TextDelta("a" * (LONGEST_ANSWER - 1)))
    before = writing.is_full
    writing.take(TextDelta("b" * 1000))
    assert (before, writing.is_full) == (False, True)
    assert len(writing.text) == LONGEST_ANSWER
