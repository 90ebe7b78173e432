"""Embed a question, if the model runner answers in time."""

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
# How long digests are cached. A model that is pulled again keeps its name, and its old vectors
# serve until the new set is complete; so long may a question be compared with the old vectors.
DIGEST_SECONDS = 10.0
# Loading a model from a slow disk may take this long; after that the attempt is cancelled.
_LONGEST_ATTEMPT = 120.0
# The largest value of a half-precision float; NaN fails the comparison as well.
_LARGEST = 65_504.0
_log = logging.getLogger(__name__)


class Vectors(Protocol):
    """The runner's result: one vector for each text."""

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
    """Embeds questions; a question never waits longer than `deadline` seconds.

    1. After a failure, no request is sent for `pause` seconds.
    2. A late request is not awaited, but not cancelled either: the runner may be loading the
       model, and would start again with each question. Until it ends, no other request is sent.
    3. No request goes to a model whose digest differs from that of the searched vectors.
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
        """Return the embedding of `text`, or None if it is not available now."""
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
        _log.warning("query embedding is late: searching by words only until it arrives")
        self._late.add(attempt)
        attempt.add_done_callback(self._late.discard)
        return None

    async def aclose(self) -> None:
        """Cancel the requests that are still running."""
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
            _log.warning("query embedding failed: searching by words only for a while: %s", error)
            return None
        if len(values) != model.dimensions or not all(abs(value) < _LARGEST for value in values):
            _log.warning(
                "query embedding unusable: model=%s dimensions=%d", model.name, len(values)
            )
            return None
        return QuestionVector(model, tuple(values))

    async def _digest(self, runner: QueryRunner, name: str) -> str | None:
        if self._clock.monotonic() >= self._digests_until:
            self._digests = {model.name: model.digest for model in await runner.models()}
            self._digests_until = self._clock.monotonic() + DIGEST_SECONDS
        return self._digests.get(name)
