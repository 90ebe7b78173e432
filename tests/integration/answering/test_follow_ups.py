"""What a conversation is about reaches retrieval, and what that finds reaches the model."""

from __future__ import annotations

from appliance.answering.service import Answering
from appliance.core.clock import SystemClock
from appliance.db.pool import Database
from appliance.retrieval.service import Retriever
from tests.builders.answers import shares_of
from tests.builders.retrieval import Library, TestDocument
from tests.fakes.markdown import InlineMarkdown
from tests.integration.answering.conftest import SETTINGS, Chat

TEXTS = {
    "tesla.txt": "Nikola Tesla was an inventor. He moved to New York and died in 1943.",
    "edison.txt": "Thomas Edison was an inventor. He moved to Menlo Park and died in 1931.",
    "lease.txt": "The deposit of the flat is three months of rent.",
}


async def test_every_follow_up_is_answered_from_the_document_that_is_spoken_of(
    chat: Chat, database: Database
) -> None:
    await Library(database).add(*(TestDocument(name, [text]) for name, text in TEXTS.items()))
    retriever = Retriever(chat.database)
    conversation = None
    best = []
    service = Answering(
        chat.database,
        retriever,
        chat.runner,
        SystemClock(),
        SETTINGS,
        2,
        markdown=InlineMarkdown(),
        shares=shares_of(SETTINGS, chat.database),
    )
    async with service as answering:
        for question in (
            "Who was Thomas Edison?",
            "When did he die?",
            "And where did he move?",
            "How much is the deposit?",
        ):
            exchange = (
                await answering.ask(chat.alice, conversation, question)
                if conversation
                else await answering.start(chat.alice, question)
            )
            conversation = exchange.question.conversation_id
            await chat.finished(exchange.answer.id)
            prompt = chat.fake.requests_to("/api/chat")[-1].body["messages"][-1]["content"]
            best.append(min(TEXTS, key=lambda name: prompt.find(name) % len(prompt)))
    assert best == ["edison.txt", "edison.txt", "edison.txt", "lease.txt"]
