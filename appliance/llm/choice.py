"""Which model is used for what. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from appliance.llm.model import InstalledModel


class Purpose(StrEnum):
    """What a model is chosen for."""

    CHAT = "chat"
    SEARCH = "search"

    @property
    def setting(self) -> str:
        """The name of the setting that holds the choice."""
        match self:
            case Purpose.CHAT:
                return "chat_model"
            case Purpose.SEARCH:
                return "embedding_model"

    def suits(self, model: InstalledModel) -> bool:
        """Say whether a model can do this."""
        match self:
            case Purpose.CHAT:
                return model.can_chat
            case Purpose.SEARCH:
                return model.can_embed and model.can_be_indexed


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an operator chose, installed or not, and the model whose vectors search has now."""

    chat: str | None = None
    search: str | None = None
    searching: str | None = None

    @property
    def is_made(self) -> bool:
        """Whether a model was chosen, or search has vectors of one."""
        return any((self.chat, self.search, self.searching))

    def name_for(self, purpose: Purpose) -> str | None:
        """Return what an operator chose for a purpose."""
        match purpose:
            case Purpose.CHAT:
                return self.chat
            case Purpose.SEARCH:
                return self.search


@dataclass(frozen=True, slots=True)
class Use:
    """What a model is used for; not `ready` while its vectors are still made."""

    purpose: Purpose
    ready: bool = True


def find(name: str, models: Iterable[InstalledModel]) -> InstalledModel | None:
    """Return a model by its name, which need not have the tag `:latest`."""
    known = {model.name: model for model in models}
    return known.get(name) or known.get(f"{name}:latest")


def in_use(
    purpose: Purpose, chosen: Chosen, installed: Sequence[InstalledModel]
) -> InstalledModel | None:
    """Return the model for a purpose: the chosen one, or else the first by name that suits.

    The model that made the search index stays in use until an operator chooses another. A chosen
    model that is not installed, or not able, has no replacement: it may come back.
    """
    able = sorted((model for model in installed if purpose.suits(model)), key=lambda m: m.name)
    if name := chosen.name_for(purpose):
        return find(name, able)
    kept = find(chosen.searching, able) if purpose is Purpose.SEARCH and chosen.searching else None
    return kept or next(iter(able), None)


def nameable(
    chosen: Chosen, installed: Sequence[InstalledModel], allowed: Iterable[str]
) -> list[InstalledModel]:
    """Return the installed models that a request may name: those in use, and those `allowed`.

    Any other would take the memory from the ones in use, for everybody.
    """
    used = (in_use(purpose, chosen, installed) for purpose in Purpose)
    found = (*used, *(find(name, installed) for name in allowed))
    return list(dict.fromkeys(model for model in found if model is not None))


def missing(chosen: Chosen, installed: Sequence[InstalledModel]) -> list[tuple[Purpose, str]]:
    """Return what was chosen and is not installed, by purpose."""
    named = [(purpose, chosen.name_for(purpose)) for purpose in Purpose]
    return [(purpose, name) for purpose, name in named if name and find(name, installed) is None]


def uses(
    model: InstalledModel, chosen: Chosen, installed: Sequence[InstalledModel]
) -> tuple[Use, ...]:
    """Return everything that an installed model is used for."""
    found = []
    if in_use(Purpose.CHAT, chosen, installed) == model:
        found.append(Use(Purpose.CHAT))
    serves = model.name == chosen.searching
    if serves or in_use(Purpose.SEARCH, chosen, installed) == model:
        found.append(Use(Purpose.SEARCH, serves))
    return tuple(found)
