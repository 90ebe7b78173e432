"""Embed chunks in the background; a document is ready, and found by its words, before that."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.db.pool import Database
from appliance.ingest.errors import NoRoomError
from appliance.ingest.model import EmbeddingModel, Unembedded
from appliance.ingest.vectors import VectorStore
from appliance.jobs.errors import JobRunningError
from appliance.jobs.kinds import EMBED, VECTOR_INDEX
from appliance.jobs.model import Job, JobState
from appliance.jobs.record import JobRecord
from appliance.jobs.service import ITSELF, JobService
from appliance.llm.choice import Chosen, Purpose, in_use
from appliance.llm.errors import ModelFailedError, VectorsTooLongError
from appliance.llm.model import MOST_DIMENSIONS, Embeddings, InstalledModel

_LOG = logging.getLogger(__name__)

BATCH = 32
POLL_SECONDS = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
# During a build: how often to log, to let new documents through and to check the choice.
_BATCHES_BETWEEN_CHECKS = 16
# A build that failed is not repeated at once: its cause needs time, or an operator.
RETRY_AFTER = timedelta(minutes=5)
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
    """Another embedding model was chosen during a build."""

    code = "choice_changed"
    sentence = "Another embedding model was chosen during the build of the search index."
    hint = "The search index is built with the new choice instead."


class Embedder:
    """Keeps the vectors of the chosen model complete, and switches to another model when chosen.

    A new model's set is built in the background as a job of the kind `embed` while the old set
    serves. Then one transaction drops the old set and lets the new one serve. A build that an
    operator cancelled is repeated only when an operator starts it, or chooses another model.
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
        # New documents and a build take turns: the runner would load both models for each batch.
        self._turn = asyncio.Lock()
        # Models whose vectors are too long for the index, by name and digest.
        self._too_long: set[tuple[str, str]] = set()

    def wake(self) -> None:
        """Start a run now, because there are new chunks."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; no error ends it.

        An error is logged once, a defect with its traceback, and retried after a growing pause.
        """
        pause, logged = _FIRST_PAUSE, ""
        while True:
            self._wake.clear()
            try:
                await self.catch_up()
            except Exception as error:  # noqa: BLE001 - without vectors, words still find every chunk
                fault = error.code if isinstance(error, ApplianceError) else repr(error)
                if logged != fault:
                    _log_fault(error)
                    logged = fault
                await self._clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            if logged:
                _LOG.info("embedding resumed")
            pause, logged = _FIRST_PAUSE, ""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._wake.wait()

    async def catch_up(self) -> None:
        """Add the vectors that the serving set lacks; queue a build if another model is chosen.

        An index that a restore has left out is queued as well.
        """
        # Before the model runner is asked: the index needs none.
        await self.queue_index()
        installed = await self._runner.models()
        serving = _serving(await self._known())
        target = await self._target(installed, serving)
        if serving and any(_is_same(model, serving) for model in installed):
            async with self._turn:
                await self._fill(serving)
        if target and not (serving and _is_same(target, serving)):
            await self._queue_build(target)

    async def queue_index(self) -> None:
        """Queue the build of indexes that are missing after a restore."""
        async with self._database.connection() as connection:
            if not await VectorStore(connection).unindexed():
                return
        if may_begin(await self._jobs.latest_about(VECTOR_INDEX.name, ""), self._clock.now()):
            with contextlib.suppress(JobRunningError):
                await self._jobs.enqueue(VECTOR_INDEX.name, requested_by=ITSELF)

    async def build(self, record: JobRecord) -> str:
        """Build the chosen model's set of vectors and let it serve: the work of the kind `embed`.

        Vectors of an earlier run are kept. Raises ChoiceChangedError if another model is chosen
        during the build, and the errors of the model runner.
        """
        try:
            return await self._build(record)
        finally:
            # The next run checks at once what the end of the build means for the choice.
            self.wake()

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

    async def _queue_build(self, target: InstalledModel) -> None:
        latest = await self._jobs.latest_about(EMBED.name, target.name)
        if not may_begin(latest, self._clock.now()):
            return
        # Checked first, so that no job is recorded that cannot begin.
        await self._check_room()
        with contextlib.suppress(JobRunningError):
            await self._jobs.enqueue(EMBED.name, subject=target.name, requested_by=ITSELF)

    async def _build(self, record: JobRecord) -> str:
        installed, known = await self._runner.models(), await self._known()
        serving = _serving(known)
        target = await self._target(installed, serving)
        if target is None:
            return "No installed model can embed text, so search uses words only."
        if serving and _is_same(target, serving):
            return f"Search uses {target.name} already."
        await self._check_room()
        model = await self._begin(target, known)
        missing = await self._count(model)
        sentence = f"Embedding {missing} passages with {target.name}."
        await record.progress(sentence, 0, missing, log=True)
        done = await self._embed_missing(record, model, missing, target, serving)
        await self._swap(model, serving)
        _LOG.info("embedding model switched: model=%s", target.name)
        return f"{done} passages were embedded with {target.name}."

    async def _embed_missing(
        self,
        record: JobRecord,
        model: EmbeddingModel,
        missing: int,
        target: InstalledModel,
        serving: EmbeddingModel | None,
    ) -> int:
        """Embed the missing chunks; return how many. The turn is released every few batches."""
        done = number = 0
        batches = self._batches(model)
        async with contextlib.aclosing(batches):
            while True:
                async with self._turn:
                    async for count in batches:
                        done, number = done + count, number + 1
                        is_time = number % _BATCHES_BETWEEN_CHECKS == 0
                        sentence = f"{done} of {missing} passages are embedded."
                        await record.progress(sentence, done, max(done, missing), log=is_time)
                        if is_time:
                            break
                    else:
                        return done
                if await self._target(await self._runner.models(), serving) != target:
                    raise ChoiceChangedError

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

    async def _batches(self, model: EmbeddingModel) -> AsyncGenerator[int, None]:
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


def may_begin(latest: Job | None, now: datetime) -> bool:
    """Return whether a build may start without an operator, after the latest one of its model."""
    if latest is None:
        return True
    match latest.state:
        case JobState.QUEUED | JobState.RUNNING | JobState.CANCELLED:
            return False
        case JobState.FAILED:
            return latest.finished_at is None or now - latest.finished_at >= RETRY_AFTER
        case JobState.DONE | JobState.INTERRUPTED:
            return True


def _log_fault(error: Exception) -> None:
    if isinstance(error, ApplianceError):
        _LOG.warning("embedding paused: %s", error)
    else:
        _LOG.error("embedding paused", exc_info=error)


def _serving(known: Sequence[EmbeddingModel]) -> EmbeddingModel | None:
    return next((model for model in known if model.state == "serving"), None)


def _is_same(installed: InstalledModel, known: EmbeddingModel) -> bool:
    return (installed.name, installed.digest) == (known.name, known.digest)
