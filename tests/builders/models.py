"""Installed models, without a runner."""

from __future__ import annotations

from appliance.llm.model import InstalledModel


def installed(name: str, *capabilities: str, digest: str = "d" * 64) -> InstalledModel:
    """Return a model that can do these things."""
    return InstalledModel(name, digest, 1, "f", "1B", "Q4", frozenset(capabilities), 4096)


CHAT = installed("qwen", "completion")
EMBED = installed("bge", "embedding")
