"""A whole answering service over a real database and the fake model runner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest

from appliance.accounts.model import Account
from appliance.answering.deadline import Limits
from appliance.answering.service import Answering
from appliance.conversations.model import Citation, Message, MessageState
from appliance.conversations.service import Conversations
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.llm.client import ModelRunner
from tests.builders.answers import FixedRetriever, passage, shares_of
from tests.builders.retrieval import Library, TestDocument
from tests.fakes.markdown import InlineMarkdown
from tests.fakes.ollama import FakeOllama, running_fake

SETTINGS = Settings(home=Path("/nowhere"))
# A limit for a machine that is busy with other tests; usually the wait is much shorter.
PATIENCE_SECONDS = 30.0


@dataclass
class Chat:
    """What a test of answering talks to. Restart it with `again()`."""

    database: Database
    fake: FakeOllama
    runner: ModelRunner
    retriever: FixedRetriever
    alice: Account
    bob: Account
    conversations: Conversations
    answering: Answering
    stack: AsyncExitStack

    @asynccontextmanager
    async def another(
        self, worker: int = 1, *, slots: int = 4, limits: Limits | None = None
    ) -> AsyncIterator[Answering]:
        """Run one more service, as another process would."""
        settings = replace(SETTINGS, generation_slots=slots)
        service = Answering(
            self.database,
            self.retriever,
            self.runner,
            SystemClock(),
            settings,
            worker,
            markdown=InlineMarkdown(),
            shares=shares_of(settings, self.database),
            limits=limits or Limits(),
        )
        async with service:
            yield service

    async def message(self, message_id: UUID, reader: Account | None = None) -> Message:
        """Return a message as the database has it."""
        return await self.conversations.message(reader or self.alice, message_id)

    async def citations(self, message_id: UUID) -> tuple[Citation, ...]:
        """Return what an answer points to."""
        return await self.conversations.citations(self.alice, message_id)

    async def until(self, message_id: UUID, *states: MessageState) -> Message:
        """Wait until the database says that the answer is in one of the states."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (message := await self.message(message_id)).state not in states:
                await asyncio.sleep(0.01)
        return message

    async def finished(self, message_id: UUID) -> Message:
        """Wait for the end of an answer."""
        return await self.until(
            message_id,
            MessageState.COMPLETE,
            MessageState.STOPPED,
            MessageState.FAILED,
            MessageState.INTERRUPTED,
        )


async def until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with running_fake() as fake:
        fake.behaviour.answer = "The pump was repaired on 3 May [1]. It runs again [7]."
        yield fake


@pytest.fixture
async def chat(
    database: Database, chat_database: Database, fake: FakeOllama
) -> AsyncIterator[Chat]:
    """A running service with worker number 1, for Alice and Bob."""
    library = Library(database)
    document = TestDocument("report.pdf", ["The pump was repaired on 3 May."])
    await library.add(document)
    retriever = FixedRetriever(passage(document_id=document.id, start=0, end=31))
    async with AsyncExitStack() as stack:
        runner = await stack.enter_async_context(ModelRunner(fake.address))
        answering = Answering(
            chat_database,
            retriever,
            runner,
            SystemClock(),
            SETTINGS,
            1,
            markdown=InlineMarkdown(),
            shares=shares_of(SETTINGS, chat_database),
        )
        await stack.enter_async_context(answering)
        yield Chat(
            chat_database,
            fake,
            runner,
            retriever,
            await library.account("alice"),
            await library.account("bob"),
            Conversations(chat_database, InlineMarkdown()),
            answering,
            stack,
        )
