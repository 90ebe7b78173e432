"""Ask and read, with and without JavaScript."""

from __future__ import annotations

from uuid import uuid4

import pytest

from appliance.db.pool import Database
from tests.builders.retrieval import TestDocument
from tests.fakes.ollama import FakeOllama, Fault
from tests.http.conftest import Browser
from tests.http.conversation.conftest import (
    QUESTION,
    answer_in,
    asked,
    finished,
    opened,
)


async def test_without_documents_it_says_what_to_do_first(as_alice: Browser) -> None:
    page = await opened(as_alice, "/")
    assert "Add a document first" in page.text


async def test_a_new_conversation_offers_questions(
    as_alice: Browser, document: TestDocument
) -> None:
    page = await opened(as_alice, "/")
    assert "What does “Pump report” say?" in page.text


async def test_a_question_is_answered_with_a_source(
    as_alice: Browser, document: TestDocument
) -> None:
    page = await finished(as_alice, await asked(as_alice))
    assert page.select_one("h1").text == QUESTION  # type: ignore[union-attr]
    answer = answer_in(page)
    assert "repaired on 3 May" in answer.text
    assert "Used 1 of 1 passage" in answer.text
    (citation,) = answer.select("a.citation")
    source = await opened(as_alice, str(citation["href"]))
    assert "3 May" in source.select_one("mark").text  # type: ignore[union-attr]
    assert [entry.text for entry in page.select(".conversations__title")] == [QUESTION]


async def test_an_answer_says_at_its_citation_that_the_document_was_deleted(
    as_alice: Browser, as_bob: Browser, document: TestDocument, database: Database
) -> None:
    address = await asked(as_bob)
    assert "deleted" not in answer_in(await finished(as_bob, address)).text
    async with database.connection() as connection:
        await connection.execute("DELETE FROM library.document")
    answer = answer_in(await opened(as_bob, address))
    (citation,) = answer.select(".citation")
    assert (citation.name, citation.text) == ("span", "1, deleted")
    assert answer.select_one(".sources__page").text == "deleted"  # type: ignore[union-attr]
    assert "A source of this answer was deleted since." in answer.text
    assert "repaired on 3 May" in answer.text


async def test_before_a_deletion_it_says_that_answers_keep_what_they_took(
    as_olga: Browser, document: TestDocument
) -> None:
    page = await opened(as_olga, f"/library/{document.id}")
    assert "Answers keep what they took from it" in page.text
    assert "so do those of other people" in page.text


async def test_a_source_is_called_as_its_page_is(
    as_alice: Browser, document: TestDocument, database: Database
) -> None:
    async with database.connection() as connection:
        await connection.execute("UPDATE library.page SET label = 'rows 41-80'")
    address = await asked(as_alice)
    (place,) = answer_in(await finished(as_alice, address)).select(".sources__page")
    assert place.text == "rows 41-80"
    async with database.connection() as connection:
        await connection.execute("UPDATE library.page SET label = NULL")
    (place,) = answer_in(await opened(as_alice, address)).select(".sources__page")
    assert place.text == "p. 1"


async def test_it_is_told_what_the_model_did_not_read(
    as_alice: Browser, document: TestDocument, database: Database
) -> None:
    address = await asked(as_alice)
    assert "shortened" not in answer_in(await finished(as_alice, address)).text
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE chat.message SET passages_shortened = 1, questions_left_out = 2"
            " WHERE author = 'cloister'"
        )
    answer = answer_in(await opened(as_alice, address))
    line = "Used 1 of 1 passage, one of them shortened; 2 earlier questions left out"
    assert line in answer.select_one(".message__foot").text  # type: ignore[union-attr]


async def test_an_offered_question_can_be_sent(as_alice: Browser, document: TestDocument) -> None:
    answer = await as_alice.post("/conversations", {"question": "", "example": QUESTION})
    assert answer.status == 303


async def test_a_page_without_javascript_reloads_until_the_end(
    as_alice: Browser, document: TestDocument, slow: FakeOllama
) -> None:
    address = await asked(as_alice)
    page = await opened(as_alice, address)
    assert page.select_one("noscript meta[http-equiv=refresh]") is not None
    await as_alice.post(str(answer_in(page).select_one("form")["action"]))  # type: ignore[index]
    page = await finished(as_alice, address)
    assert "You stopped this answer." in page.text
    assert page.select_one("noscript meta[http-equiv=refresh]") is None


async def test_htmx_gets_the_question_and_the_answer_as_rows(
    as_alice: Browser, document: TestDocument
) -> None:
    address = await asked(as_alice)
    await finished(as_alice, address)
    answer = await as_alice.post(f"{address}/messages", {"question": "By whom?"}, fragment=True)
    text = await answer.text()
    assert answer.status == 200
    assert text.count("<article") == 2
    assert "<html" not in text
    assert "http-equiv" not in text, "htmx would have the whole page reload"
    page = await finished(as_alice, address)
    assert len(page.select("article.message")) == 4


async def test_a_plain_form_is_answered_with_a_redirect(
    as_alice: Browser, document: TestDocument
) -> None:
    address = await asked(as_alice)
    await finished(as_alice, address)
    answer = await as_alice.post(f"{address}/messages", {"question": "By whom?"})
    assert answer.status == 303
    assert answer.headers["Location"].startswith(address)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("   ", "The question is empty."),
        ("x" * 8001, "The question has 8,001 characters"),
        ("a\0b", "cannot be kept"),
    ],
)
async def test_a_bad_question_is_shown_again_with_what_is_wrong(
    as_alice: Browser, document: TestDocument, question: str, words: str
) -> None:
    answer = await as_alice.post("/conversations", {"question": question})
    assert answer.status == 422
    assert words in await answer.text()
    address = await asked(as_alice)
    await finished(as_alice, address)
    answer = await as_alice.post(f"{address}/messages", {"question": question})
    assert answer.status == 422
    assert words in await answer.text()
    answer = await as_alice.post(f"{address}/messages", {"question": question}, fragment=True)
    assert answer.status == 422
    assert answer.headers["HX-Retarget"] == "#toasts"


async def test_the_longest_question_in_any_script_is_taken(
    as_alice: Browser, document: TestDocument
) -> None:
    await asked(as_alice, "字" * 8000)


async def test_a_second_question_waits_for_the_first_answer(
    as_alice: Browser, document: TestDocument, slow: FakeOllama
) -> None:
    address = await asked(as_alice)
    answer = await as_alice.post(f"{address}/messages", {"question": "And?"})
    assert answer.status == 409
    assert "still answering" in await answer.text()


async def test_a_question_with_html_in_it_stays_text(
    as_alice: Browser, document: TestDocument
) -> None:
    page = await opened(as_alice, await asked(as_alice, "<script>alert(1)</script>"))
    assert "<script>alert(1)</script>" in page.select(".message--person")[0].text
    assert page.select("article script") == []


async def test_a_failed_answer_can_be_tried_again(
    as_alice: Browser, document: TestDocument, runner: FakeOllama
) -> None:
    runner.behaviour.fault, runner.behaviour.fault_after = Fault.CRASH, 3
    runner.behaviour.fault_times = 1
    address = await asked(as_alice)
    page = await finished(as_alice, address)
    (form,) = [form for form in page.select("form") if "Try again" in form.text]
    answer = await as_alice.post(str(form["action"]), fragment=True)
    assert (await answer.text()).count("<article") == 1
    page = await finished(as_alice, address)
    assert "repaired on 3 May" in answer_in(page).text


async def test_without_a_model_the_passages_answer(
    as_alice: Browser, document: TestDocument, runner: FakeOllama
) -> None:
    runner.models.clear()
    answer = answer_in(await finished(as_alice, await asked(as_alice)))
    assert answer.select_one("blockquote") is not None
    assert "No chat model is installed" in answer.text
    assert len(answer.select("a.citation")) == 1


async def test_without_evidence_it_says_so(as_alice: Browser, document: TestDocument) -> None:
    answer = answer_in(await finished(as_alice, await asked(as_alice, "zebra xylophone?")))
    assert "do not say anything about this" in answer.text


async def test_a_conversation_is_renamed_and_deleted(
    as_alice: Browser, document: TestDocument
) -> None:
    address = await asked(as_alice)
    answer = await as_alice.post(f"{address}/rename", {"title": " Hall  four "})
    assert answer.status == 303
    assert "Hall four" in (await opened(as_alice, address)).select_one("h1").text  # type: ignore[union-attr]
    assert (await as_alice.post(f"{address}/rename", {"title": ""})).status == 422
    assert (await as_alice.post(f"{address}/delete")).status == 303
    assert (await as_alice.get(address)).status == 404


async def test_older_conversations_are_on_the_next_page(
    as_alice: Browser, database: Database
) -> None:
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO chat.conversation (account_id, title)"
            " SELECT id, 'Number ' || n FROM core.account, generate_series(1, 35) AS n"
            " WHERE name = 'alice'"
        )
    page = await opened(as_alice, "/")
    assert len(page.select(".conversations__title")) == 30
    (older,) = [link for link in page.select("a") if link.text == "Older conversations"]
    page = await opened(as_alice, str(older["href"]))
    assert len(page.select(".conversations__title")) == 5
    assert (await as_alice.get("/?before=nonsense")).status == 200


async def test_what_belongs_to_another_person_does_not_exist(
    as_alice: Browser, as_bob: Browser, document: TestDocument
) -> None:
    address = await asked(as_alice)
    page = await finished(as_alice, address)
    message = str(answer_in(page)["id"]).removeprefix("message-")
    assert (await as_bob.get(address)).status == 404
    assert (await as_bob.post(f"{address}/messages", {"question": "Mine?"})).status == 404
    assert (await as_bob.post(f"{address}/rename", {"title": "Mine"})).status == 404
    assert (await as_bob.post(f"{address}/delete")).status == 404
    assert (await as_bob.post(f"/messages/{message}/stop")).status == 404
    assert (await as_bob.post(f"/messages/{message}/again")).status == 404
    assert (await as_bob.get(f"/ws/1/answers/{message}")).status == 404
    assert (await as_bob.get(f"/conversations/{uuid4()}")).status == 404
    assert (await as_bob.get("/conversations/nonsense")).status == 404
    assert (await as_alice.get(address)).status == 200


async def test_a_question_cannot_be_tried_again(as_alice: Browser, document: TestDocument) -> None:
    page = await finished(as_alice, await asked(as_alice))
    question = str(page.select(".message--person")[0]["id"]).removeprefix("message-")
    assert (await as_alice.post(f"/messages/{question}/again")).status == 404
    answer = str(answer_in(page)["id"]).removeprefix("message-")
    assert (await as_alice.post(f"/messages/{answer}/again")).status == 409
