"""Choose the models that answer and that search."""

from __future__ import annotations

from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import record
from appliance.core.errors import ApplianceError
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


class ModelChoice:
    """Which models the machine uses; choosing one requires Permission.CHOOSE_MODELS."""

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

    async def choose(self, actor: Actor, purpose: Purpose, name: str) -> InstalledModel:
        """Use an installed model for a purpose from now on.

        Raises ForbiddenError, ModelMissingError, ModelCannotChatError, ModelCannotEmbedError,
        VectorsTooLongError, and what the runner raises when it cannot tell what it has.
        """
        actor.require(Permission.CHOOSE_MODELS)
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
            event = AuditEvent(_action(purpose), ObjectType.MODEL, model.name)
            await record(connection, actor, event)
        return model


def _action(purpose: Purpose) -> Action:
    match purpose:
        case Purpose.CHAT:
            return Action.MODEL_USE_FOR_CHAT
        case Purpose.SEARCH:
            return Action.MODEL_USE_FOR_SEARCH


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
