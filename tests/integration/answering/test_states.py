"""Each state of an answer, and how it is reached."""

from __future__ import annotations

import pytest

from appliance.answering.composer import NO_EVIDENCE
from appliance.answering.deadline import Limits
from appliance.conversations.model import AnswerKind, MessageState
from appliance.core.errors import DatabaseUnavailableError, NotFoundError
from appliance.db.pool import Database
from tests.builders.answers import passage
from tests.fakes.ollama import Fault
from tests.integration.answering.conftest import Chat, until


async def test_a_question_is_kept_before_it_is_acknowledged(chat: Chat) -> None:
    chat.fake.behaviour.first_token_delay = 60
    exchange = await chat.answering.start(chat.alice, "When was the pump repaired?")
    thread = await chat.conversations.thread(chat.alice, exchange.question.conversation_id)
    assert [message.state for message in thread.messages] == ["complete", "waiting"]
    assert thread.conversation.title == "When was the pump repaired?"


async def test_an_answer_is_written_and_its_citations_are_kept(chat: Chat) -> None:
    exchange = await chat.answering.start(chat.alice, "When was the pump repaired?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.state, answer.kind) == (MessageState.COMPLETE, AnswerKind.GENERATED)
    assert answer.text == "The pump was repaired on 3 May [1]. It runs again."
    assert answer.model == "fake-chat:latest"
    assert (answer.passages_used, answer.passages_found) == (1, 1)
    assert answer.finished_at is not None
    (citation,) = await chat.citations(answer.id)
    assert (citation.number, citation.file_name, citation.page) == (1, "report.pdf", 2)
    assert citation.document_id == chat.retriever.passages[0].document_id


async def test_a_citation_outlives_its_document(chat: Chat) -> None:
    chat.retriever.passages = (passage(),)
    exchange = await chat.answering.start(chat.alice, "When?")
    await chat.finished(exchange.answer.id)
    (citation,) = await chat.citations(exchange.answer.id)
    assert citation.document_id is None


async def test_without_evidence_the_model_is_not_asked(chat: Chat) -> None:
    chat.retriever.passages = ()
    exchange = await chat.answering.start(chat.alice, "What is love?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.state, answer.kind) == (MessageState.COMPLETE, AnswerKind.NO_EVIDENCE)
    assert answer.text == NO_EVIDENCE
    assert chat.fake.requests_to("/api/chat") == []


async def test_a_follow_up_knows_what_was_said_before(chat: Chat) -> None:
    first = await chat.answering.start(chat.alice, "When was the pump repaired?")
    await chat.finished(first.answer.id)
    second = await chat.answering.ask(chat.alice, first.question.conversation_id, "By whom?")
    await chat.finished(second.answer.id)
    assert chat.retriever.asked[-1][1:] == ("By whom?", ("When was the pump repaired?",))
    roles = [each["role"] for each in chat.fake.requests_to("/api/chat")[-1].body["messages"]]
    assert roles == ["system", "user", "assistant", "user"]


async def test_it_tells_how_many_passages_were_used(chat: Chat) -> None:
    long = "The pump was repaired on the third of May by two people. " * 30
    chat.retriever.passages = tuple(passage(long) for _ in range(12))
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert answer.passages_found == 12
    assert answer.passages_used is not None
    assert 0 < answer.passages_used < 12
    body = chat.fake.requests_to("/api/chat")[-1].body
    assert body["options"]["num_ctx"] == 8192
    assert f"\n\n[{answer.passages_used}] " in body["messages"][-1]["content"]


async def test_it_tells_what_was_shortened_or_left_out(chat: Chat) -> None:
    long = "The pump was repaired on the third of May by two people. "
    chat.fake.behaviour.answer = "word " * 1500
    first = await chat.answering.start(chat.alice, "When?")
    assert (await chat.finished(first.answer.id)).questions_left_out == 0
    chat.retriever.passages = (passage(long * 500),)
    second = await chat.answering.ask(chat.alice, first.question.conversation_id, "By whom?")
    answer = await chat.finished(second.answer.id)
    assert (answer.passages_used, answer.passages_found) == (1, 1)
    assert (answer.passages_shortened, answer.questions_left_out) == (1, 1)


async def test_a_model_that_counts_more_tokens_reads_less_instead_of_nothing(chat: Chat) -> None:
    long = "The pump was repaired on the third of May by two people. " * 30
    chat.retriever.passages = tuple(passage(long) for _ in range(12))
    chat.fake.behaviour.characters_per_token = 1
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.state, answer.kind) == (MessageState.COMPLETE, AnswerKind.GENERATED)
    assert answer.error_code is None
    refused, taken = (
        request.body["messages"][-1]["content"] for request in chat.fake.requests_to("/api/chat")
    )
    assert len(taken) < len(refused)
    assert f"\n\n[{answer.passages_used}] " in taken
    assert f"\n\n[{(answer.passages_used or 0) + 1}] " not in taken


async def test_a_model_that_still_finds_it_too_long_is_replaced_by_quotations(chat: Chat) -> None:
    chat.fake.behaviour.characters_per_token = 0.1
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.kind, answer.error_code) == (AnswerKind.QUOTED, "prompt_too_long")
    assert len(chat.fake.requests_to("/api/chat")) <= 2


async def test_the_operators_choice_of_model_is_used(chat: Chat, database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(
            """INSERT INTO core.setting VALUES ('chat_model', '"fake-think"')"""
        )
    exchange = await chat.answering.start(chat.alice, "When?")
    assert (await chat.finished(exchange.answer.id)).model == "fake-think:latest"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.BUSY, "model_busy"),
        (Fault.LOAD_FAILS, "model_failed"),
        (Fault.CRASH, "model_failed"),
        (Fault.NESTED_ERROR, "model_failed"),
        (Fault.CUT_OFF, "answer_cut_off"),
        (Fault.DROP, "answer_cut_off"),
        (Fault.NOT_JSON, "model_runner_unavailable"),
    ],
)
async def test_a_model_that_fails_before_its_first_word_is_replaced_by_quotations(
    chat: Chat, fault: Fault, code: str
) -> None:
    chat.fake.behaviour.fault = fault
    exchange = await chat.answering.start(chat.alice, "When was the pump repaired?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.state, answer.kind) == (MessageState.COMPLETE, AnswerKind.QUOTED)
    assert "> The pump was repaired on 3 May. [1]" in answer.text
    assert answer.error_code == code
    assert answer.model is None
    assert len(await chat.citations(answer.id)) == 1


async def test_without_any_model_the_passages_answer(chat: Chat) -> None:
    chat.fake.models.clear()
    exchange = await chat.answering.start(chat.alice, "When was the pump repaired?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.kind, answer.error_code) == (AnswerKind.QUOTED, "no_chat_model")


async def test_a_model_that_is_chosen_but_missing_is_named(chat: Chat, database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("""INSERT INTO core.setting VALUES ('chat_model', '"gone"')""")
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.kind, answer.error_code) == (AnswerKind.QUOTED, "model_missing")
    assert "gone" in (answer.error_message or "")


async def test_with_the_runner_down_the_passages_answer(chat: Chat) -> None:
    await chat.runner.aclose()
    chat.retriever.passages = (passage("The pump was repaired on 3 May."),)
    async with chat.another(2) as answering:
        answering._composer._choice._runner = type(chat.runner)("http://127.0.0.1:9")
        exchange = await answering.start(chat.alice, "When was the pump repaired?")
        answer = await chat.finished(exchange.answer.id)
    assert (answer.kind, answer.error_code) == (AnswerKind.QUOTED, "model_runner_unavailable")


@pytest.mark.parametrize("fault", [Fault.CRASH, Fault.DROP, Fault.CUT_OFF])
async def test_a_model_that_dies_in_mid_stream_leaves_a_partial_answer(
    chat: Chat, fault: Fault
) -> None:
    chat.fake.behaviour.fault, chat.fake.behaviour.fault_after = fault, 8
    chat.fake.behaviour.fault_times = 1
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert answer.state == MessageState.FAILED
    assert answer.text.startswith("The pump was repaired")
    assert answer.error_code in {"model_failed", "answer_cut_off"}
    assert answer.error_hint
    again = await chat.answering.ask_again(chat.alice, answer.id)
    assert again.answer.text == ""
    assert (await chat.finished(answer.id)).state == MessageState.COMPLETE


async def test_an_answer_that_the_limit_ended_says_so(chat: Chat) -> None:
    chat.fake.behaviour.answer = "word " * 5000
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.state, answer.error_code) == (MessageState.COMPLETE, "answer_too_long")


async def test_an_answer_without_a_real_citation_says_so(chat: Chat) -> None:
    chat.fake.behaviour.answer = "It was repaired, believe me [7]."
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.state, answer.error_code) == (MessageState.COMPLETE, "uncited_answer")
    assert answer.text == "It was repaired, believe me."


async def test_a_model_that_writes_nothing_is_replaced_by_quotations(chat: Chat) -> None:
    chat.fake.behaviour.answer = " "
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.kind, answer.error_code) == (AnswerKind.QUOTED, "empty_answer")


async def test_what_a_model_thinks_aloud_is_neither_shown_nor_cited(chat: Chat) -> None:
    chat.fake.behaviour.answer = "<think>\nIs it [1]?\n</think>\n\nNobody knows."
    exchange = await chat.answering.start(chat.alice, "When?")
    live = chat.answering.live(exchange.answer.id)
    answer = await chat.finished(exchange.answer.id)
    assert answer.text == "Nobody knows."
    assert answer.error_code == "uncited_answer"
    assert await chat.citations(answer.id) == ()
    assert live is not None
    assert live.is_thinking


async def test_a_model_that_only_thinks_is_replaced_by_quotations(chat: Chat) -> None:
    chat.fake.behaviour.answer = "<think>Is it [1]? Or is it not? " * 100
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.kind, answer.error_code) == (AnswerKind.QUOTED, "empty_answer")


async def test_a_search_that_fails_fails_the_answer_with_its_reason(chat: Chat) -> None:
    chat.retriever.error = DatabaseUnavailableError()
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.finished(exchange.answer.id)
    assert (answer.state, answer.error_code) == (MessageState.FAILED, "database_unavailable")


async def test_a_defect_fails_one_answer_and_not_the_next(chat: Chat) -> None:
    chat.retriever.error = RuntimeError("a defect")
    first = await chat.answering.start(chat.alice, "When?")
    assert (await chat.finished(first.answer.id)).error_code == "internal"
    chat.retriever.error = None
    second = await chat.answering.start(chat.alice, "When?")
    assert (await chat.finished(second.answer.id)).state == MessageState.COMPLETE


async def test_the_deadline_ends_an_answer(chat: Chat) -> None:
    chat.fake.behaviour.first_token_delay = 60
    async with chat.another(2, limits=Limits(deadline=0.2)) as answering:
        exchange = await answering.start(chat.alice, "When?")
        answer = await chat.finished(exchange.answer.id)
    assert (answer.state, answer.error_code) == (MessageState.FAILED, "took_too_long")
    # On a busy machine it may be over before the model was even asked.
    await chat.fake.until(lambda: chat.fake.active == 0)


async def test_what_is_written_is_kept_every_second(chat: Chat) -> None:
    chat.fake.behaviour.answer = "word " * 1000
    chat.fake.behaviour.token_delay = 0.01
    exchange = await chat.answering.start(chat.alice, "When?")
    answer = await chat.until(exchange.answer.id, MessageState.WRITING)
    # How many words there were by then is a matter of chance.
    assert answer.text.startswith("word")
    assert (answer.model, answer.passages_used) == ("fake-chat:latest", 1)
    live = chat.answering.live(exchange.answer.id)
    assert live is not None
    assert len(live.text) >= len(answer.text)


async def test_deleting_the_conversation_stops_the_model(chat: Chat) -> None:
    chat.fake.behaviour.token_delay = 0.05
    chat.fake.behaviour.answer = "word " * 1000
    exchange = await chat.answering.start(chat.alice, "When?")
    await chat.fake.until(lambda: chat.fake.active == 1)
    await chat.answering.delete(chat.alice, exchange.question.conversation_id)
    await chat.fake.until(lambda: chat.fake.aborted == 1)
    await until(lambda: chat.answering.live(exchange.answer.id) is None)


async def test_an_answer_whose_row_is_gone_is_not_written_any_more(
    chat: Chat, database: Database
) -> None:
    chat.fake.behaviour.token_delay = 0.02
    chat.fake.behaviour.answer = "word " * 1000
    await chat.answering.start(chat.alice, "When?")
    await chat.fake.until(lambda: chat.fake.active == 1)
    async with database.connection() as connection:
        await connection.execute("DELETE FROM core.account WHERE id = %s", (chat.alice.id,))
    await chat.fake.until(lambda: chat.fake.aborted == 1)


async def test_the_answers_of_another_person_cannot_be_changed(chat: Chat) -> None:
    chat.fake.behaviour.first_token_delay = 60
    exchange = await chat.answering.start(chat.alice, "When?")
    with pytest.raises(NotFoundError):
        await chat.answering.stop(chat.bob, exchange.answer.id)
    with pytest.raises(NotFoundError):
        await chat.answering.ask_again(chat.bob, exchange.answer.id)
    with pytest.raises(NotFoundError):
        await chat.answering.ask(chat.bob, exchange.question.conversation_id, "When?")
    with pytest.raises(NotFoundError):
        await chat.answering.delete(chat.bob, exchange.question.conversation_id)
    assert (await chat.message(exchange.answer.id)).state == MessageState.WAITING
