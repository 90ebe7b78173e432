"""Choose the models that answer and that search."""

from __future__ import annotations

from typing import Protocol

from appliance.core.errors import ForbiddenError
from appliance.db.pool import Database
from appliance.llm.choice import Chosen, Purpose
from appliance.llm.client import ModelRunner
from appliance.llm.errors import (
    ModelCannotChatError,
    ModelCannotEmbedError,
    ModelMissingError,
)
from appliance.llm.model import InstalledModel
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
        """Return what was chosen, installed or not."""
        async with self._database.connection() as connection:
            models = await ChoiceStore(connection).chosen()
        return Chosen(models.get(Purpose.CHAT.setting), models.get(Purpose.SEARCH.setting))

    async def choose(self, actor: Actor | None, purpose: Purpose, name: str) -> InstalledModel:
        """Use an installed model for a purpose from now on.

        Raises ForbiddenError, ModelMissingError, ModelCannotChatError, ModelCannotEmbedError, and
        what the runner raises when it cannot tell what it has.
        """
        if actor is not None and not actor.is_operator:
            raise ForbiddenError
        installed = {model.name: model for model in await self._runner.models()}
        model = installed.get(name) or installed.get(f"{name}:latest")
        if model is None:
            raise ModelMissingError(model=name)
        _check(model, purpose)
        async with self._database.transaction() as connection:
            store = ChoiceStore(connection)
            await store.choose(purpose.setting, model.name)
            if purpose is Purpose.SEARCH:
                await store.wake_ingest()
            actor_name = "command line" if actor is None else actor.name
            await store.add_audit(actor_name, f"model.use_for_{purpose}", model.name)
        return model


def _check(model: InstalledModel, purpose: Purpose) -> None:
    match purpose:
        case Purpose.CHAT:
            if not model.can_chat:
                raise ModelCannotChatError(model=model.name)
        case Purpose.SEARCH:
            if not model.can_embed:
                raise ModelCannotEmbedError(model=model.name)
