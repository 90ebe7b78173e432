"""Which model answers: the one an operator chose, or else the first that can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from appliance.answering.errors import NoChatModelError
from appliance.answering.store import AnswerStore
from appliance.core.clock import Clock
from appliance.llm.choice import Chosen, Purpose, find, in_use
from appliance.llm.client import ModelRunner
from appliance.llm.model import InstalledModel

KEPT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A model and how much it is given to read; another number would load it anew."""

    name: str
    context_tokens: int


class ModelChoice:
    """Remembers what is installed for a moment, so that a question does not wait for it."""

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
        self._until = float("-inf")

    async def named(self, name: str | None = None) -> ChatModel:
        """Return a model by its name, or the one that answers when nobody names one.

        A name that is not installed is returned as it is: the runner says what is wrong with it.
        Raises NoChatModelError, or what the runner raises when it cannot tell what it has.
        """
        if self._clock.monotonic() >= self._until:
            self._chosen = await self._store.chosen_model()
            self._installed = await self._runner.models()
            self._until = self._clock.monotonic() + KEPT_SECONDS
        wanted = name or self._chosen or self._first_that_can_chat()
        model = find(wanted, self._installed)
        if model is None or model.context_length is None:
            return ChatModel(wanted, self._context_tokens())
        return ChatModel(model.name, min(self._context_tokens(), model.context_length))

    def forget(self) -> None:
        """Look again next time: the model failed."""
        self._until = float("-inf")

    def _first_that_can_chat(self) -> str:
        model = in_use(Purpose.CHAT, Chosen(), self._installed)
        if model is None:
            raise NoChatModelError
        return model.name
