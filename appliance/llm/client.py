"""The model runner as the rest of Cloister sees it: the only module that imports `ollama`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Self

import httpx
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
    chat_chunk,
    description_alone,
    description_in_list,
    installed_model,
    is_cloud_name,
    loaded_model,
    pull_report,
)
from appliance.llm.runner_errors import ModelRunnerUnavailableError

DEFAULT_TIMEOUTS = Timeouts()
UNIX = "unix://"


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
        self._connection = Connection(open_http(address), timeouts, address, know)
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
        return await self._connection.unavailable(reason, timed_out=timed_out)

    async def version(self) -> str:
        """Return the runner's version; source builds say "0.0.0"."""
        answer = await self._connection.lookup("/api/version")
        if "version" not in answer:
            raise await self.unavailable("The address belongs to something else.")
        return str(answer["version"])

    async def models(self) -> list[InstalledModel]:
        """Return the models on this machine; those that run elsewhere are left out."""
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
        """Return the models in memory. The runner also lists one whose process has crashed."""
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

        Give the same `context_tokens` each time: another number makes the runner load the model
        anew. The last chunk has `done`; a stream that ends without one raises
        `AnswerCutOffError` after the chunks that came.
        """
        body = await self._chat_body(model, messages)
        body["options"] = {"num_ctx": context_tokens, "num_predict": limit_tokens}
        complete = False
        async with aclosing(self._connection.stream("/api/chat", body)) as answers:
            async for answer in answers:
                chunk = chat_chunk(answer)
                complete = complete or chunk.done
                yield chunk
        if not complete:
            raise AnswerCutOffError(model=model)

    async def embed(self, model: str, texts: Sequence[str], *, truncate: bool = True) -> Embeddings:
        """Return one vector a text. `truncate=False` raises `PromptTooLongError` over a long one.

        Empty texts are the caller's mistake: the runner gives them a vector, or drops them.
        """
        refuse_cloud(model)
        if not all(text.strip() for text in texts):
            message = "An empty text has no meaning to embed."
            raise ValueError(message)
        if not texts:
            return Embeddings([])
        body: JsonObject = {
            "model": model,
            "input": list(texts),
            "truncate": truncate,
            "keep_alive": self._keep_alive,
        }
        answer = await self._embed_twice_if_it_crashed(body)
        vectors: list[list[float]] = answer.get("embeddings") or []
        if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1:
            reason = f"it returned {len(vectors)} usable vectors for {len(texts)} texts."
            raise ModelFailedError(model=model, reason=reason)
        return Embeddings(vectors, answer.get("prompt_eval_count"))

    async def pull(self, model: str) -> AsyncGenerator[PullReport, None]:
        """Download a model and yield how far it is; closing the generator stops the download.

        It is there only when the generator ends by itself: a stream that ends without the word
        "success" raises `AnswerCutOffError`. Another call goes on with what has arrived.
        """
        refuse_cloud(model)
        status = ""
        async with aclosing(self._connection.stream("/api/pull", {"model": model})) as answers:
            async for answer in answers:
                report = pull_report(answer)
                status = report.status
                yield report
        if status != "success":
            raise AnswerCutOffError(model=model)

    async def _embed_twice_if_it_crashed(self, body: JsonObject) -> JsonObject:
        """Ask again once: a crash answers 400 as bad input would, and the next request heals it."""
        try:
            return await self._connection.work("/api/embed", body)
        except ModelFailedError as error:
            if not error.crashed:
                raise
        return await self._connection.work("/api/embed", body)

    async def _chat_body(self, model: str, messages: Sequence[Mapping[str, str]]) -> JsonObject:
        refuse_cloud(model)
        body: JsonObject = {
            "model": model,
            "messages": [dict(message) for message in messages],
            "stream": True,
            # With these a prompt that is too long answers 400; without them it loses its oldest
            # messages, or half of itself, and nobody is told. `shift` must never vary: it is an
            # option of the loaded model.
            "truncate": False,
            "shift": False,
            "keep_alive": self._keep_alive,
        }
        description = await self._describe_name(model)
        if "thinking" in description.capabilities:
            # These think unasked; the others refuse the field in some versions.
            body["think"] = False
        return body

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
                # A damaged model is still listed: one that can do nothing, beside the others.
                return Description()
            self._described_by_digest[digest] = description_alone(answer)
        return self._described_by_digest[digest]


def refuse_cloud(model: str) -> None:
    """Raise `CloudModelRefusedError` for a name whose text would leave the machine."""
    if is_cloud_name(model):
        raise CloudModelRefusedError(model=model)


def open_http(address: str) -> httpx.AsyncClient:
    """Return the HTTP client inside `ollama.AsyncClient`, made safe for a private machine.

    The client reads the address as Ollama's own tools do and sets up the HTTP client; requests
    are then sent through that one. The client's typed calls cannot say `shift` or `truncate`, do
    not ask for the version, and drop the capabilities and, in Debian 13, the context length.

    - No proxy and no .netrc from the environment, no redirect: the text goes nowhere else.
    - No OLLAMA_API_KEY: it belongs to ollama.com.
    - No limit to the connections: whoever limits generations does it before they get here.
    """
    path = address.removeprefix(UNIX) if address.startswith(UNIX) else None
    client = ollama.AsyncClient(
        "http://localhost" if path else address,
        trust_env=False,
        follow_redirects=False,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
        transport=httpx.AsyncHTTPTransport(uds=path) if path else None,
    )
    http: httpx.AsyncClient = client._client  # noqa: SLF001  see above
    http.headers.pop("authorization", None)
    # Streams are read as they come from the socket.
    http.headers["accept-encoding"] = "identity"
    return http
