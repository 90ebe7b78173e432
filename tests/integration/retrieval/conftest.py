"""A library to fill as its owner, and a retriever with the chat server's rights only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from appliance.accounts.model import Account
from appliance.db.pool import Database
from appliance.llm.model import Embeddings, InstalledModel
from appliance.retrieval.model import Retrieved
from appliance.retrieval.service import Retriever
from tests.builders.models import installed
from tests.builders.retrieval import Library, with_vectors
from tests.fakes.clock import FakeClock
from tests.fakes.ollama_words import embed

DIMENSIONS = 256


def meaning(text: str) -> list[float]:
    """Embed as the fake model runner does."""
    return embed(text, DIMENSIONS)


def by_meaning(found: Retrieved) -> bool:
    """Tell whether the question was compared with any passage by its vector."""
    return any(passage.similarity is not None for passage in found.passages)


class Runner:
    """The fake model runner's vectors without HTTP, for any model."""

    def __init__(self) -> None:
        self.digests = {"first": "first", "second": "second"}

    async def models(self) -> list[InstalledModel]:
        """Return its models, each with its name as digest until a test says otherwise."""
        return [
            installed(name, "embedding", digest=digest) for name, digest in self.digests.items()
        ]

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Return one vector a text."""
        del model
        return Embeddings([meaning(text) for text in texts])


@pytest.fixture
def library(database: Database) -> Library:
    """A library without vectors."""
    return Library(database)


@pytest.fixture
async def embedded(database: Database) -> Library:
    """A library whose chunks get vectors."""
    return await with_vectors(database, "first", DIMENSIONS, meaning)


@pytest.fixture
async def alice(library: Library) -> Account:
    """A member."""
    return await library.account("alice")


@pytest.fixture
async def bob(library: Library) -> Account:
    """Another member."""
    return await library.account("bob")


@pytest.fixture
def clock() -> FakeClock:
    """The clock of both retrievers."""
    return FakeClock()


@pytest.fixture
def words(chat_database: Database, clock: FakeClock) -> Retriever:
    """A retriever without a model runner."""
    return Retriever(chat_database, None, clock)


@pytest.fixture
def runner() -> Runner:
    """The model runner of the retriever that has one."""
    return Runner()


@pytest.fixture
async def hybrid(
    chat_database: Database, clock: FakeClock, runner: Runner
) -> AsyncIterator[Retriever]:
    """A retriever with a model runner."""
    retriever = Retriever(chat_database, runner, clock)
    yield retriever
    await retriever.aclose()
