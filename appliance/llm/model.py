"""Models, answers and downloads as the model runner describes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

JsonObject = dict[str, Any]

# The longest vectors that the database can index.
MOST_DIMENSIONS = 4000


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long the runner may be silent, in seconds.

    `load` covers everything before the first byte of an answer: a cold start reads gigabytes from
    disk, and a caller that disconnects makes the runner cancel the load.
    """

    connect: float = 5.0
    lookup: float = 10.0
    load: float = 600.0
    token: float = 120.0


@dataclass(frozen=True, slots=True)
class Description:
    """Capabilities and lengths of a model, which older runners report only one by one."""

    capabilities: frozenset[str] = frozenset()
    context_length: int | None = None
    embedding_length: int | None = None


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model on this machine. `digest` changes when the same name gets other content.

    `embedding_length` is the length of its vectors, if the runner reports it.
    """

    name: str
    digest: str
    size: int
    family: str
    parameter_size: str
    quantization: str
    capabilities: frozenset[str]
    context_length: int | None
    embedding_length: int | None = None

    @property
    def can_chat(self) -> bool:
        """Whether it writes text."""
        return "completion" in self.capabilities

    @property
    def can_embed(self) -> bool:
        """Whether it turns text into vectors."""
        return "embedding" in self.capabilities

    @property
    def can_be_indexed(self) -> bool:
        """Whether its vectors, as far as is known, are not too long for the database."""
        return (self.embedding_length or 0) <= MOST_DIMENSIONS


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory. `gpu_size` 0 means that it runs on the processor alone."""

    name: str
    digest: str
    size: int
    gpu_size: int
    context_length: int | None


@dataclass(frozen=True, slots=True)
class ChatChunk:
    """A piece of an answer; the last one has `done` and the counts.

    A `done_reason` of "length" says that the limit ended the answer, not the model.
    """

    text: str
    thinking: str = ""
    done: bool = False
    done_reason: str | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class PullReport:
    """Progress of one part of a model's download; a report without a total is only a status."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector of length 1 for each text, in the order of the texts."""

    vectors: list[list[float]]
    prompt_tokens: int | None = None

    @property
    def dimensions(self) -> int:
        """Return the length of each vector, 0 without any."""
        return len(self.vectors[0]) if self.vectors else 0


def is_cloud_name(name: str) -> bool:
    """Return whether the runner would pass requests for this name on to the internet."""
    return name.lower().endswith((":cloud", "-cloud"))


def description_in_list(entry: JsonObject) -> Description | None:
    """Read the description in a list entry; None if this runner's list is incomplete."""
    details: JsonObject = entry.get("details") or {}
    context_length = details.get("context_length")
    if "capabilities" not in entry or context_length is None:
        return None
    capabilities = frozenset(entry["capabilities"] or ())
    return Description(capabilities, context_length, details.get("embedding_length"))


def description_alone(answer: JsonObject) -> Description:
    """Read the answer about one model; runners of 2024 report no capabilities."""
    facts: JsonObject = answer.get("model_info") or {}
    capabilities = answer.get("capabilities")
    if capabilities is None:
        pooled = any(key.endswith(".pooling_type") for key in facts)
        capabilities = ["embedding"] if pooled else ["completion"]
    architecture = facts.get("general.architecture")
    return Description(
        frozenset(capabilities),
        facts.get(f"{architecture}.context_length"),
        facts.get(f"{architecture}.embedding_length"),
    )


def installed_model(entry: JsonObject, description: Description) -> InstalledModel:
    """Put a list entry and its description together."""
    details: JsonObject = entry.get("details") or {}
    return InstalledModel(
        name=entry["name"],
        digest=entry.get("digest", ""),
        size=entry.get("size", 0),
        family=details.get("family", ""),
        parameter_size=details.get("parameter_size", ""),
        quantization=details.get("quantization_level", ""),
        capabilities=description.capabilities,
        context_length=description.context_length,
        embedding_length=description.embedding_length,
    )


def loaded_model(entry: JsonObject) -> LoadedModel:
    """Read an entry of the list of models in memory."""
    return LoadedModel(
        name=entry["name"],
        digest=entry.get("digest", ""),
        size=entry.get("size", 0),
        gpu_size=entry.get("size_vram", 0),
        context_length=entry.get("context_length"),
    )
