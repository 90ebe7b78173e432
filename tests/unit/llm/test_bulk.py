"""Batches are small, whatever is sent, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from typing_extensions import override

from appliance.llm.bulk import MOST_CHARACTERS, MOST_TEXTS, BulkEmbedder, batches
from appliance.llm.model import Embeddings, InstalledModel
from appliance.shares.admission import Admission
from appliance.shares.errors import TooManyOfYoursWaitingError
from appliance.shares.model import Limit
from appliance.shares.turns import MachineTurn
from tests.fakes.clock import FakeClock


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["x"],
        ["x"] * (MOST_TEXTS * 3 + 1),
        ["x" * MOST_CHARACTERS, "y" * (MOST_CHARACTERS * 2), "z"],
        ["word " * 1000] * 9,
    ],
)
def test_texts_are_cut_into_small_batches_in_order(texts: list[str]) -> None:
    made = list(batches(texts))
    assert [text for batch in made for text in batch] == texts
    for batch in made:
        assert 1 <= len(batch) <= MOST_TEXTS
        assert len(batch) == 1 or sum(map(len, batch)) <= MOST_CHARACTERS


class Vectors(list[list[float]]):
    """A list that a weak reference can follow."""


class RememberingRunner:
    """Remembers, without keeping them, the vectors that it has made."""

    def __init__(self) -> None:
        self.made: list[weakref.ref[Vectors]] = []

    async def models(self) -> list[InstalledModel]:
        return []

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        vectors = Vectors([0.0] for _ in texts)
        self.made.append(weakref.ref(vectors))
        return Embeddings(vectors)


class FreeTurn(MachineTurn):
    """A turn for which nothing else waits."""

    @override
    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        yield


async def test_a_request_that_waits_for_its_next_turn_keeps_no_vectors() -> None:
    runner = RememberingRunner()
    queue = Admission(Limit(at_once=1, of_one=1), TooManyOfYoursWaitingError, FakeClock())
    bulk = BulkEmbedder(runner, FreeTurn("", "embedding"))
    made = bulk.embed_in_turn(queue, uuid4(), "model", ["x"] * (MOST_TEXTS + 1))
    assert len((await anext(made)).vectors) == MOST_TEXTS
    with queue.ticket(uuid4()) as other:
        rest = asyncio.ensure_future(anext(made))
        async with asyncio.timeout(10):
            await other.until_admitted()
            # A step of the loop frees what the step before has used.
            while runner.made[0]() is not None:
                await asyncio.sleep(0)
        assert not rest.done()
    assert len((await rest).vectors) == 1
    await made.aclose()
