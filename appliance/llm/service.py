"""Choose the models that answer and that search."""

from __future__ import annotations

from typing import Protocol

from appliance.core.errors import ApplianceError, ForbiddenError
from appliance.db.pool import Database
from appliance.llm.choice import Chosen, Purpose, find
from appliance.llm.client import ModelRunner
from appliance.llm.errors import (
    ModelCannotChatError,
    ModelCannotEmbedError,
    ModelMissingError,
    VectorsTooLongError,
)
from appliance.llm.model import MOST_DIMENSIONS, InstalledModel
from appliance.llm.store import ChoiceStore


class Actor(Protocol):
    """Who chooses: an account, as far as this feature needs to know it."""

    @property
    def name(self) -> str:
        """The sign-in name, for the audit."""
        ...

    @property
    def is_operator(self) -> bool:
        """Whether the person runs the machine."""
        ...


class ModelChoice:
    """Operators act here. An actor of None is the command line: whoever may run it may do all."""

    def __init__(self, database: Database, runner: ModelRunner) -> None:
        self._database = database
        self._runner = runner

    async def chosen(self) -> Chosen:
        """Return what was chosen, installed or not, and what search has."""
        async with self._database.connection() as connection:
            store = ChoiceStore(connection)
            models, searching = await store.chosen(), await store.searching()
        chat, search = (models.get(purpose.setting) for purpose in (Purpose.CHAT, Purpose.SEARCH))
        return Chosen(chat, search, searching)

    async def choose(self, actor: Actor | None, purpose: Purpose, name: str) -> InstalledModel:
        """Use an installed model for a purpose from now on.

        Raises ForbiddenError, ModelMissingError, ModelCannotChatError, ModelCannotEmbedError,
        VectorsTooLongError, and what the runner raises when it cannot tell what it has.
        """
        if actor is not None and not actor.is_operator:
            raise ForbiddenError
        model = find(name, await self._runner.models())
        if model is None:
            raise ModelMissingError(model=name)
        if not purpose.suits(model):
            raise _unsuitable(model, purpose)
        async with self._database.transaction() as connection:
            store = ChoiceStore(connection)
            await store.choose(purpose.setting, model.name)
            if purpose is Purpose.SEARCH:
                await store.wake_ingest()
            actor_name = "command line" if actor is None else actor.name
            await store.add_audit(actor_name, f"model.use_for_{purpose}", model.name)
        return model


def _unsuitable(model: InstalledModel, purpose: Purpose) -> ApplianceError:
    match purpose:
        case Purpose.CHAT:
            return ModelCannotChatError(model=model.name)
        case Purpose.SEARCH if model.can_embed:
            return VectorsTooLongError(
                model=model.name, dimensions=model.embedding_length, most=MOST_DIMENSIONS
            )
        case Purpose.SEARCH:
            return ModelCannotEmbedError(model=model.name)
