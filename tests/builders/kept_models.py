"""The files of a model, as the model runner keeps them."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from appliance.core.settings import Settings


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A model on disk: its manifest, and its blobs with their content."""

    manifest: Path
    blobs: dict[Path, bytes]

    def is_whole(self) -> bool:
        """Whether each of its files is there, with its content."""
        blobs = all(
            path.exists() and path.read_bytes() == content for path, content in self.blobs.items()
        )
        return blobs and self.manifest.exists()

    def remove(self) -> None:
        """Remove its files."""
        for path in (self.manifest, *self.blobs):
            path.unlink(missing_ok=True)


def add_model(settings: Settings, name: str = "llama3.2:3b", size: int = 50_000) -> KeptModel:
    """Add a model with a description and one large part, both random."""
    model, _, tag = name.partition(":")
    folder = settings.models / "models"
    contents = [json.dumps({"of": name}).encode(), os.urandom(size)]
    blobs = {_blob(folder, content): content for content in contents}
    for path, content in blobs.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    description, weights = (
        {"digest": path.name.replace("-", ":", 1), "size": len(content)}
        for path, content in blobs.items()
    )
    manifest = folder / "manifests/registry.ollama.ai/library" / model / tag
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"config": description, "layers": [weights]}))
    return KeptModel(manifest, blobs)


def _blob(folder: Path, content: bytes) -> Path:
    return folder / "blobs" / f"sha256-{hashlib.sha256(content).hexdigest()}"
