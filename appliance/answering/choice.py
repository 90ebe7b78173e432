"""Choose the chat model: the one that an operator chose, or else the first that can chat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from appliance.answering.errors import NoChatModelError
from appliance.answering.store import AnswerStore
from appliance.core.clock import Clock
from appliance.llm.choice import Chosen, Purpose, find, in_use
from appliance.llm.client import ModelRunner
from appliance.llm.model import InstalledModel

CACHE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A model and its context size; with another size the runner would load the model again."""

    name: str
    context_tokens: int


class ModelChoice:
    """Caches the list of installed models, so that a question does not wait for it."""

    def __init__(
        self,
        store: AnswerStore,
        runner: ModelRunner,
        clock: Clock,
        *,
        context_tokens: Callable[[], int],
    ) -> None:
        self._store = store
        self._runner = runner
        self._clock = clock
        self._context_tokens = context_tokens
        self._chosen: str | None = None
        self._installed: list[InstalledModel] = []
        self._expires_at = float("-inf")

    async def resolve(self, name: str | None = None) -> ChatModel:
        """Return the model with this name, or the chosen model without a name.

        A name that is not installed is returned as it is: the runner reports what is wrong with it.
        Raises NoChatModelError, or the runner's error when it does not list its models.
        """
        if self._clock.monotonic() >= self._expires_at:
            self._chosen = await self._store.chosen_model()
            self._installed = await self._runner.models()
            self._expires_at = self._clock.monotonic() + CACHE_SECONDS
        wanted = name or self._chosen or self._first_that_can_chat()
        model = find(wanted, self._installed)
        if model is None or model.context_length is None:
            return ChatModel(wanted, self._context_tokens())
        return ChatModel(model.name, min(self._context_tokens(), model.context_length))

    def forget(self) -> None:
        """Drop the cache: a model failed, so the list may be out of date."""
        self._expires_at = float("-inf")

    def _first_that_can_chat(self) -> str:
        model = in_use(Purpose.CHAT, Chosen(), self._installed)
        if model is None:
            raise NoChatModelError
        return model.name
