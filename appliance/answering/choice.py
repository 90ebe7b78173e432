"""Choose the model: the one that an operator chose, or one that a request may name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from appliance.answering.errors import NoChatModelError
from appliance.core.clock import Clock
from appliance.llm.choice import Chosen, Purpose, find, in_use, nameable
from appliance.llm.client import ModelRunner
from appliance.llm.errors import ModelCannotChatError, ModelCannotEmbedError, ModelNotFoundError
from appliance.llm.model import InstalledModel

CACHE_SECONDS = 30.0
# A name that is not found may belong to a model that was chosen or installed a moment ago.
CACHE_SECONDS_OF_A_MISS = 2.0


@dataclass(frozen=True, slots=True)
class ChatModel:
    """A model and its context size; with another size the runner would load the model again."""

    name: str
    context_tokens: int


class ModelChoice:
    """Caches what is chosen and what is installed, so that a question does not wait for it."""

    def __init__(
        self,
        ask_chosen: Callable[[], Awaitable[Chosen]],
        runner: ModelRunner,
        clock: Clock,
        *,
        context_tokens: Callable[[], int],
        allowed: Callable[[], Sequence[str]],
    ) -> None:
        """Take `allowed`, the names that requests may use beside the models in use."""
        self._ask_chosen = ask_chosen
        self._runner = runner
        self._clock = clock
        self._context_tokens = context_tokens
        self._allowed = allowed
        self._chosen = Chosen()
        self._installed: list[InstalledModel] = []
        self._looked_at = float("-inf")

    async def resolve(self, name: str | None = None) -> ChatModel:
        """Return the chat model with this name, or the one in use without a name.

        A chosen model that is not installed is returned as it is: the runner reports what is wrong
        with it. Raises NoChatModelError, what `named` raises, or the runner's error when it does
        not list its models.
        """
        if name is not None:
            return self._sized(await self.named(Purpose.CHAT, name))
        await self._look(CACHE_SECONDS)
        wanted = self._chosen.chat or self._first_that_can_chat()
        model = find(wanted, self._installed)
        return ChatModel(wanted, self._context_tokens()) if model is None else self._sized(model)

    async def named(self, purpose: Purpose, name: str | None) -> InstalledModel:
        """Return the model that a request names for a purpose; None names the one in use.

        Raises ModelNotFoundError for any model that a request may not name, installed or not, and
        ModelCannotChatError or ModelCannotEmbedError.
        """
        for seconds in (CACHE_SECONDS, CACHE_SECONDS_OF_A_MISS):
            await self._look(seconds)
            if (model := self._find(purpose, name)) is not None:
                break
        else:
            raise ModelNotFoundError(model=name or purpose)
        match purpose:
            case Purpose.CHAT if not model.can_chat:
                raise ModelCannotChatError(model=model.name)
            case Purpose.SEARCH if not model.can_embed:
                raise ModelCannotEmbedError(model=model.name)
        return model

    async def nameable(self) -> list[InstalledModel]:
        """Return every installed model that a request may name."""
        await self._look(CACHE_SECONDS_OF_A_MISS)
        return nameable(self._chosen, self._installed, self._allowed())

    def forget(self) -> None:
        """Drop the cache: a model failed, so the list may be out of date."""
        self._looked_at = float("-inf")

    async def _look(self, valid_seconds: float) -> None:
        if self._clock.monotonic() - self._looked_at >= valid_seconds:
            self._chosen = await self._ask_chosen()
            self._installed = await self._runner.models()
            self._looked_at = self._clock.monotonic()

    def _find(self, purpose: Purpose, name: str | None) -> InstalledModel | None:
        if name is None:
            return in_use(purpose, self._chosen, self._installed)
        return find(name, nameable(self._chosen, self._installed, self._allowed()))

    def _sized(self, model: InstalledModel) -> ChatModel:
        longest = model.context_length or self._context_tokens()
        return ChatModel(model.name, min(self._context_tokens(), longest))

    def _first_that_can_chat(self) -> str:
        model = in_use(Purpose.CHAT, Chosen(), self._installed)
        if model is None:
            raise NoChatModelError
        return model.name
