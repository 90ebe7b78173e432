"""The model runner as the rest of Cloister uses it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from typing import Self, TypeVar, cast

import ollama

from appliance.core.errors import ApplianceError
from appliance.llm.condition import KnowCondition, unknown_condition
from appliance.llm.connection import Connection
from appliance.llm.errors import AnswerCutOffError, CloudModelRefusedError, ModelFailedError
from appliance.llm.model import (
    ChatChunk,
    Description,
    Embeddings,
    InstalledModel,
    JsonObject,
    LoadedModel,
    PullReport,
    Timeouts,
    description_alone,
    description_in_list,
    installed_model,
    is_cloud_name,
    loaded_model,
)
from appliance.llm.runner_errors import ModelRunnerUnavailableError

DEFAULT_TIMEOUTS = Timeouts()
Answer = TypeVar("Answer")


class ModelRunner:
    """Ollama at one address: `http://host:port`, `host:port` or `unix:///path/to.sock`.

    Use it as `async with ModelRunner(address) as runner:`. Every method may raise
    `ModelRunnerUnavailableError`; `know` says what is known about the runner then.
    """

    def __init__(
        self,
        address: str,
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        keep_alive: str = "30m",
        know: KnowCondition = unknown_condition,
    ) -> None:
        self._connection = Connection(address, timeouts, know)
        self._keep_alive = keep_alive
        self._described_by_digest: dict[str, Description] = {}
        self._described_by_name: dict[str, Description] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._connection.aclose()

    async def unavailable(
        self, reason: str, *, timed_out: bool = False
    ) -> ModelRunnerUnavailableError:
        """Return the error that says why the runner gave this caller no answer."""
        return await self._connection.faults.unavailable(reason, timed_out=timed_out)

    async def version(self) -> str:
        """Return the runner's version; source builds say "0.0.0"."""
        answer = await self._connection.lookup("/api/version")
        if "version" not in answer:
            raise await self.unavailable("The address belongs to something else.")
        return str(answer["version"])

    async def models(self) -> list[InstalledModel]:
        """Return the models on this machine, without those that run elsewhere."""
        answer = await self._connection.lookup("/api/tags")
        models = [
            installed_model(entry, await self._describe_entry(entry))
            for entry in answer.get("models") or []
            if not is_cloud_name(entry["name"]) and not entry.get("remote_host")
        ]
        self._described_by_name = {
            model.name: Description(model.capabilities, model.context_length) for model in models
        }
        return models

    async def loaded(self) -> list[LoadedModel]:
        """Return the models in memory. The runner also lists a model whose process has crashed."""
        answer = await self._connection.lookup("/api/ps")
        return [loaded_model(entry) for entry in answer.get("models") or []]

    async def chat(
        self,
        model: str,
        messages: Sequence[Mapping[str, str]],
        *,
        context_tokens: int,
        limit_tokens: int,
    ) -> AsyncGenerator[ChatChunk, None]:
        """Yield an answer piece by piece; closing the generator makes the model stop.

        Pass the same `context_tokens` each time: another number makes the runner load the model
        again. The last chunk has `done`; a stream that ends without one raises
        `AnswerCutOffError` after the chunks that came.
        """
        refuse_cloud(model)
        description = await self._describe_name(model)
        # Thinking models think by default; other models refuse the field in some versions.
        think = False if "thinking" in description.capabilities else None
        answers = await self._connection.client.chat(
            model,
            messages,
            stream=True,
            think=think,
            options={"num_ctx": context_tokens, "num_predict": limit_tokens},
            keep_alive=self._keep_alive,
        )
        is_complete = False
        async with aclosing(_closable(answers)) as chunks:
            async for answer in _valid(model, chunks):
                chunk = chat_chunk(answer)
                is_complete = is_complete or chunk.done
                yield chunk
        if not is_complete:
            raise AnswerCutOffError(model=model)

    async def embed(self, model: str, texts: Sequence[str], *, truncate: bool = True) -> Embeddings:
        """Return one vector a text. `truncate=False` raises `PromptTooLongError` over a long one.

        Raises ValueError for an empty text, for which runners return a vector or nothing.
        """
        refuse_cloud(model)
        if not all(text.strip() for text in texts):
            message = "An empty text has no meaning to embed."
            raise ValueError(message)
        if not texts:
            return Embeddings([])
        answer = await self._embed_twice_if_it_crashed(model, texts, truncate=truncate)
        vectors = [list(vector) for vector in answer.embeddings]
        if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1:
            reason = f"it returned {len(vectors)} usable vectors for {len(texts)} texts."
            raise ModelFailedError(model=model, reason=reason)
        return Embeddings(vectors, answer.prompt_eval_count)

    async def pull(self, model: str) -> AsyncGenerator[PullReport, None]:
        """Download a model and yield the progress; closing the generator stops the download.

        The model is installed only if the generator ends without an error: a stream that ends
        without the word "success" raises `AnswerCutOffError`. Another call continues the download.
        """
        refuse_cloud(model)
        status = ""
        answers = await self._connection.client.pull(model, stream=True)
        async with aclosing(_closable(answers)) as reports:
            async for answer in _valid(model, reports):
                report = pull_report(answer)
                status = report.status
                yield report
        if status != "success":
            raise AnswerCutOffError(model=model)

    async def _embed_twice_if_it_crashed(
        self, model: str, texts: Sequence[str], *, truncate: bool
    ) -> ollama.EmbedResponse:
        """Repeat the request once after a crash: the next request restarts the model."""
        try:
            return await self._embed(model, texts, truncate=truncate)
        except ModelFailedError as error:
            if not error.crashed:
                raise
        return await self._embed(model, texts, truncate=truncate)

    async def _embed(
        self, model: str, texts: Sequence[str], *, truncate: bool
    ) -> ollama.EmbedResponse:
        with _valid_shape(model):
            return await self._connection.client.embed(
                model, texts, truncate=truncate, keep_alive=self._keep_alive
            )

    async def _describe_name(self, model: str) -> Description:
        if model not in self._described_by_name:
            answer = await self._connection.lookup("/api/show", {"model": model})
            if answer.get("remote_host"):
                raise CloudModelRefusedError(model=model)
            self._described_by_name[model] = description_alone(answer)
        return self._described_by_name[model]

    async def _describe_entry(self, entry: JsonObject) -> Description:
        if (described := description_in_list(entry)) is not None:
            return described
        digest = entry.get("digest", "")
        if digest not in self._described_by_digest:
            try:
                answer = await self._connection.lookup("/api/show", {"model": entry["name"]})
            except ModelRunnerUnavailableError:
                raise
            except ApplianceError:
                # A damaged model is listed as well, without capabilities.
                return Description()
            self._described_by_digest[digest] = description_alone(answer)
        return self._described_by_digest[digest]


def refuse_cloud(model: str) -> None:
    """Raise `CloudModelRefusedError` for a name whose text would leave the machine."""
    if is_cloud_name(model):
        raise CloudModelRefusedError(model=model)


@contextmanager
def _valid_shape(model: str) -> Iterator[None]:
    """Turn an answer that Ollama's client cannot read into this feature's error."""
    try:
        yield
    except ValueError as error:
        reason = "its answer is not of the expected shape."
        raise ModelFailedError(model=model, reason=reason) from error


async def _valid(model: str, answers: AsyncIterator[Answer]) -> AsyncIterator[Answer]:
    """Yield each answer of a stream. Raises ModelFailedError for one of another shape."""
    while True:
        with _valid_shape(model):
            answer = await anext(answers, None)
        if answer is None:
            return
        yield answer


def _closable(answers: AsyncIterator[Answer]) -> AsyncGenerator[Answer, None]:
    """Return the stream as what it is: the client's annotation leaves out that it can be closed."""
    return cast("AsyncGenerator[Answer, None]", answers)


def chat_chunk(answer: ollama.ChatResponse) -> ChatChunk:
    """Convert a part of a streamed answer."""
    return ChatChunk(
        text=answer.message.content or "",
        thinking=answer.message.thinking or "",
        done=bool(answer.done),
        done_reason=answer.done_reason,
        prompt_tokens=answer.prompt_eval_count,
        answer_tokens=answer.eval_count,
    )


def pull_report(answer: ollama.ProgressResponse) -> PullReport:
    """Convert a progress report; the runner leaves out numbers that are 0."""
    return PullReport(
        status=answer.status or "",
        digest=answer.digest or "",
        total=answer.total or 0,
        completed=answer.completed or 0,
    )
