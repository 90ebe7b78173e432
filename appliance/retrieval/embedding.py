"""The question's vector, if the model runner gives it in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.llm.model import InstalledModel
from appliance.retrieval.model import EmbeddingModel, QuestionVector

DEADLINE = 2.0
PAUSE = 30.0
# A model that is pulled again keeps its name, and its old vectors serve until the new ones are
# made. So long may a question still meet vectors of other weights.
DIGESTS_ARE_FRESH = 10.0
# A runner that loads a model from a slow disk may take this long; then the attempt is given up.
_LONGEST_ATTEMPT = 120.0
# The largest number of half a float's size; what is not a number is not below it either.
_LARGEST = 65_504.0
_log = logging.getLogger(__name__)


class Vectors(Protocol):
    """What a runner returns: one vector for each text."""

    @property
    def vectors(self) -> Sequence[Sequence[float]]:
        """The vectors, in the order of the texts."""
        ...


class QueryRunner(Protocol):
    """The part of a model runner that retrieval uses."""

    async def models(self) -> Sequence[InstalledModel]:
        """Return what is installed."""
        ...

    async def embed(self, model: str, texts: Sequence[str]) -> Vectors:
        """Return one vector a text."""
        ...


class QuestionEmbedder:
    """Asks the runner, but never lets a question wait for it longer than `deadline` seconds.

    1. A failure makes it stop asking for `pause` seconds.
    2. An answer that is late is not waited for, but not broken off either: the runner may be
       loading the model, and would begin anew with each question. Nobody else asks meanwhile;
       when the late answer comes, the next question asks again.
    3. A model whose weights are not those that the searched vectors were made with is not asked.
    """

    def __init__(
        self,
        runner: QueryRunner | None,
        clock: Clock,
        *,
        deadline: float = DEADLINE,
        pause: float = PAUSE,
    ) -> None:
        self._runner = runner
        self._clock = clock
        self._deadline = deadline
        self._pause = pause
        self._closed_until = float("-inf")
        self._digests: dict[str, str] = {}
        self._digests_until = float("-inf")
        self._late: set[asyncio.Task[QuestionVector | None]] = set()

    async def embed(self, model: EmbeddingModel, text: str) -> QuestionVector | None:
        """Return the vector of `text`, or None where there is none to be had now."""
        if self._runner is None or not text.strip():
            return None
        if self._late or self._clock.monotonic() < self._closed_until:
            return None
        attempt = asyncio.ensure_future(self._attempt(self._runner, model, text))
        try:
            done, _ = await asyncio.wait({attempt}, timeout=self._deadline)
        except asyncio.CancelledError:
            attempt.cancel()
            raise
        if done:
            return attempt.result()
        _log.warning("the query embedding is late; searching by words alone meanwhile")
        self._late.add(attempt)
        attempt.add_done_callback(self._late.discard)
        return None

    async def aclose(self) -> None:
        """Give up what is still awaited."""
        late = list(self._late)
        for attempt in late:
            attempt.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _attempt(
        self, runner: QueryRunner, model: EmbeddingModel, text: str
    ) -> QuestionVector | None:
        try:
            async with asyncio.timeout(_LONGEST_ATTEMPT):
                if await self._digest(runner, model.name) != model.digest:
                    return None
                [values] = (await runner.embed(model.name, [text])).vectors
        except (ApplianceError, OSError, TimeoutError, ValueError) as error:
            self._closed_until = self._clock.monotonic() + self._pause
            _log.warning("no query embedding: %s; searching by words alone for a while", error)
            return None
        if len(values) != model.dimensions or not all(abs(value) < _LARGEST for value in values):
            _log.warning("the model %s gives vectors that cannot be compared", model.name)
            return None
        return QuestionVector(model, tuple(values))

    async def _digest(self, runner: QueryRunner, name: str) -> str | None:
        if self._clock.monotonic() >= self._digests_until:
            self._digests = {model.name: model.digest for model in await runner.models()}
            self._digests_until = self._clock.monotonic() + DIGESTS_ARE_FRESH
        return self._digests.get(name)
