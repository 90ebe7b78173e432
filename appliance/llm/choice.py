"""Which model is used for what."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Chosen:
    """The models that an operator chose. Without a chat model the first one that can answers."""

    chat: str | None = None
    search: str | None = None
