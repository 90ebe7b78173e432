"""Vectors of many texts, made in small batches between which others take their turn."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Protocol
from uuid import UUID

from appliance.llm.model import Embeddings, InstalledModel
from appliance.shares.admission import Admission
from appliance.shares.turns import MachineTurn

# The lock of `MachineTurn` that every process takes for a batch.
EMBEDDING_TURN = "embedding"
# Longer batches are hardly faster, and a question's vector waits for the one that runs.
MOST_TEXTS = 16
MOST_CHARACTERS = 12_000


class Runner(Protocol):
    """The part of the model runner that makes vectors."""

    async def models(self) -> list[InstalledModel]:
        """Return the installed models."""
        ...

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Return one vector a text."""
        ...


class BulkEmbedder:
    """Makes vectors for many texts, one batch at a time over the whole machine.

    A question's vector is made without such a turn, so that it waits for one batch at most.
    """

    def __init__(self, runner: Runner, turn: MachineTurn) -> None:
        self._runner = runner
        self._turn = turn

    async def aclose(self) -> None:
        """Give up the turn, if a batch has it."""
        await self._turn.aclose()

    async def models(self) -> list[InstalledModel]:
        """Return the installed models."""
        return await self._runner.models()

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Return one vector a text. Raises what the runner and the turn raise."""
        vectors: list[list[float]] = []
        tokens = 0
        async with aclosing(self._made(model, texts, _at_once)) as parts:
            async for made in parts:
                vectors += made.vectors
                tokens += made.prompt_tokens or 0
        return Embeddings(vectors, tokens)

    async def embed_in_turn(
        self, queue: Admission, account_id: UUID, model: str, texts: Sequence[str]
    ) -> AsyncGenerator[Embeddings, None]:
        """Yield the vectors of each batch; before it, other accounts of the queue come first.

        Raises what the queue raises as well.
        """
        with queue.ticket(account_id) as ticket:

            async def next_turn() -> None:
                ticket.step_back()
                await ticket.until_admitted()

            await ticket.until_admitted()
            async with aclosing(self._made(model, texts, next_turn)) as parts:
                async for made in parts:
                    yield made
                    # Many requests wait for their next turn: none of them keeps its last vectors.
                    del made

    async def _made(
        self, model: str, texts: Sequence[str], between: Callable[[], Awaitable[None]]
    ) -> AsyncGenerator[Embeddings, None]:
        for number, batch in enumerate(batches(texts)):
            if number:
                await between()
            async with self._turn.hold():
                made = await self._runner.embed(model, batch)
            yield made
            del made


async def _at_once() -> None:
    """Go on at once: no account waits for this work."""


def batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in batches of bounded size; a text that is longer is a batch of its own."""
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and (len(batch) == MOST_TEXTS or size + len(text) > MOST_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch
