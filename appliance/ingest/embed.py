"""Embed chunks in the background; a document is ready, and found by its words, before that."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Protocol

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.db.pool import Database
from appliance.ingest.errors import NoRoomError
from appliance.ingest.model import EmbeddingModel, Unembedded
from appliance.ingest.vectors import VectorStore
from appliance.jobs.service import JobService
from appliance.llm.choice import Chosen, Purpose, in_use
from appliance.llm.errors import ModelFailedError, VectorsTooLongError
from appliance.llm.model import MOST_DIMENSIONS, Embeddings, InstalledModel

_LOG = logging.getLogger(__name__)

JOB = "embed"
BATCH = 32
POLL_SECONDS = 30.0
_LIFETIME = timedelta(days=2)
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
# During a rebuild: how often to report progress and to check for new chunks and another choice.
_BATCHES_BETWEEN_CHECKS = 16
_PROBE = "probe"


class EmbeddingRunner(Protocol):
    """The part of the model runner that embedding needs."""

    async def models(self) -> list[InstalledModel]:
        """Return the installed models."""
        ...

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """Return one vector a text."""
        ...


class ChoiceChangedError(ApplianceError):
    """Another embedding model was chosen during a rebuild."""

    code = "choice_changed"
    sentence = "Another embedding model was chosen during the rebuild of the search index."
    hint = "The search index is rebuilt with the new choice instead."


class Embedder:
    """Keeps the vectors of the chosen model complete, and switches to another model when chosen.

    A new model's set is built in the background as a job while the old set serves. Then one
    transaction drops the old set and lets the new one serve.
    """

    def __init__(
        self,
        database: Database,
        runner: EmbeddingRunner,
        jobs: JobService,
        clock: Clock,
        *,
        has_room: Callable[[], Awaitable[bool]],
    ) -> None:
        self._database = database
        self._runner = runner
        self._jobs = jobs
        self._clock = clock
        self._has_room = has_room
        self._wake = asyncio.Event()
        # Models whose vectors are too long for the index, by name and digest.
        self._too_long: set[tuple[str, str]] = set()

    def wake(self) -> None:
        """Start a run now, because there are new chunks."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; no error ends it.

        An error is logged once, a defect with its traceback, and retried after a growing pause.
        """
        pause, reported = _FIRST_PAUSE, ""
        while True:
            self._wake.clear()
            try:
                await self.catch_up()
            except Exception as error:  # noqa: BLE001 - without vectors, words still find every chunk
                fault = error.code if isinstance(error, ApplianceError) else repr(error)
                if reported != fault:
                    _report(error)
                    reported = fault
                await self._clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            if reported:
                _LOG.info("embedding resumed: all chunks have vectors")
            pause, reported = _FIRST_PAUSE, ""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()

    async def catch_up(self) -> None:
        """Add every missing vector, and switch to the chosen model if another one serves."""
        installed = await self._runner.models()
        known = await self._known()
        serving = _serving(known)
        target = await self._target(installed, serving)
        if serving and any(_is_same(model, serving) for model in installed):
            await self._fill(serving)
        if target and not (serving and _is_same(target, serving)):
            await self._switch(target, serving, known)

    async def _target(
        self, installed: Sequence[InstalledModel], serving: EmbeddingModel | None
    ) -> InstalledModel | None:
        async with self._database.connection() as connection:
            chosen = await VectorStore(connection).chosen_model()
        choice = Chosen(search=chosen, searching=serving.name if serving else None)
        usable = [model for model in installed if (model.name, model.digest) not in self._too_long]
        return in_use(Purpose.SEARCH, choice, usable)

    async def _known(self) -> list[EmbeddingModel]:
        async with self._database.connection() as connection:
            return await VectorStore(connection).models()

    async def _switch(
        self,
        target: InstalledModel,
        serving: EmbeddingModel | None,
        known: Sequence[EmbeddingModel],
    ) -> None:
        # Checked first, so that no job is recorded that cannot begin.
        await self._check_room()
        job = await self._jobs.start(JOB, _LIFETIME)
        try:
            model = await self._begin(target, known)
            missing = await self._count(model)
            await self._jobs.beat(job.id, f"Embedding {missing} passages with {target.name}.")
            done = batches = 0
            async for count in self._batches(model):
                done, batches = done + count, batches + 1
                if batches % _BATCHES_BETWEEN_CHECKS:
                    await self._jobs.beat(job.id)
                    continue
                await self._jobs.beat(job.id, f"{done} of {missing} passages are embedded.")
                await self._check_choice(target, serving)
            await self._swap(model, serving)
        except ApplianceError as error:
            await self._jobs.fail(job.id, error.message)
            raise
        except Exception:
            await self._jobs.fail(job.id, ApplianceError().message)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self._jobs.fail(job.id, "The ingest process was stopped."))
            raise
        await self._jobs.finish(job.id, f"{done} passages were embedded with {target.name}.")
        _LOG.info("embedding model switched: model=%s", target.name)

    async def _begin(
        self, target: InstalledModel, known: Sequence[EmbeddingModel]
    ) -> EmbeddingModel:
        """Continue the set that an earlier run began, or begin one; drop abandoned sets.

        Raises VectorsTooLongError; the model is then not considered again.
        """
        begun = None
        for model in known:
            if _is_same(target, model):
                begun = model
            elif model.state == "building":
                await self._drop(model)
        if begun:
            return begun
        dimensions = (await self._runner.embed(target.name, [_PROBE])).dimensions
        if dimensions > MOST_DIMENSIONS:
            self._too_long.add((target.name, target.digest))
            raise VectorsTooLongError(
                model=target.name, dimensions=dimensions, most=MOST_DIMENSIONS
            )
        async with self._database.transaction() as connection:
            return await VectorStore(connection).add_model(target.name, target.digest, dimensions)

    async def _check_choice(self, target: InstalledModel, serving: EmbeddingModel | None) -> None:
        installed = await self._runner.models()
        if await self._target(installed, serving) != target:
            raise ChoiceChangedError
        if serving and any(_is_same(model, serving) for model in installed):
            await self._fill(serving)

    async def _swap(self, model: EmbeddingModel, serving: EmbeddingModel | None) -> None:
        async with self._database.transaction() as connection:
            store = VectorStore(connection)
            if serving:
                await store.drop(serving)
            await store.serve(model)

    async def _drop(self, model: EmbeddingModel) -> None:
        async with self._database.transaction() as connection:
            await VectorStore(connection).drop(model)

    async def _count(self, model: EmbeddingModel) -> int:
        async with self._database.connection() as connection:
            return await VectorStore(connection).count_unembedded(model)

    async def _fill(self, model: EmbeddingModel) -> None:
        async for _ in self._batches(model):
            pass

    async def _batches(self, model: EmbeddingModel) -> AsyncIterator[int]:
        """Embed the chunks without vectors; yield after each batch how many vectors it added."""
        after = 0
        while True:
            async with self._database.connection() as connection:
                chunks = await VectorStore(connection).unembedded(model, after, BATCH)
            if not chunks:
                return
            await self._check_room()
            after = chunks[-1].id
            vectors = await self._vectors(model.name, chunks)
            async with self._database.connection() as connection:
                await VectorStore(connection).add(model, vectors)
            yield len(vectors)

    async def _check_room(self) -> None:
        if not await self._has_room():
            raise NoRoomError

    async def _vectors(
        self, name: str, chunks: Sequence[Unembedded]
    ) -> list[tuple[int, Sequence[float]]]:
        """Embed chunks; a chunk that the model fails on is found by halving and left out."""
        try:
            made = await self._runner.embed(name, [chunk.text for chunk in chunks])
        except ModelFailedError:
            if len(chunks) > 1:
                middle = len(chunks) // 2
                first = await self._vectors(name, chunks[:middle])
                return first + await self._vectors(name, chunks[middle:])
            # Raises again if the model is broken and not the chunk.
            await self._runner.embed(name, [_PROBE])
            _LOG.warning("chunk not embedded: the model fails on it: chunk=%d", chunks[0].id)
            return []
        return list(zip((chunk.id for chunk in chunks), made.vectors, strict=True))


def _report(error: Exception) -> None:
    if isinstance(error, ApplianceError):
        _LOG.warning("embedding paused: %s", error)
    else:
        _LOG.error("embedding paused", exc_info=error)


def _serving(known: Sequence[EmbeddingModel]) -> EmbeddingModel | None:
    return next((model for model in known if model.state == "serving"), None)


def _is_same(installed: InstalledModel, known: EmbeddingModel) -> bool:
    return (installed.name, installed.digest) == (known.name, known.digest)
