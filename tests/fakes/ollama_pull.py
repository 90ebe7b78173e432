"""How the fake downloads models, and how models lie on disk: as with the real one."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from tests.fakes.ollama_behaviour import FakeModel, FakeOllama, Fault, JsonObject, full_name
from tests.fakes.ollama_generation import read_body

REGISTRY = "registry.ollama.ai"
WEIGHTS = 2_000_000
SLICES = 25
STALL_PAUSE = 0.01
_KIND = "application/vnd.ollama.image.{}"
_DOCKER = "application/vnd.docker.{}+json"
# Names that the registry answers with an error have one of these words in them.
_REFUSALS = {
    "missing": "pull model manifest: file does not exist",
    "newer": "pull model manifest: 412: The model you are pulling requires a newer version of "
    "Ollama.",
    "offline": f'pull model manifest: Get "https://{REGISTRY}/v2/library/offline/manifests/latest":'
    f" dial tcp: lookup {REGISTRY}: no such host",
    "huge": "write /models/blobs/sha256-0-partial: no space left on device",
}


class Pulling:
    """The handler, for one fake. Without a folder nothing is kept but the name."""

    def __init__(self, fake: FakeOllama) -> None:
        self._fake = fake

    async def pull(self, request: web.Request) -> web.StreamResponse:
        """POST /api/pull. Names with a word of `_REFUSALS` in them fail, all others exist."""
        body = await read_body(request)
        name = full_name(body.get("model") or "")
        refusal = next((text for word, text in _REFUSALS.items() if word in name), None)
        if not body.get("stream", True):
            if refusal:
                return web.json_response(
                    {"error": refusal}, status=HTTPStatus.INTERNAL_SERVER_ERROR
                )
            for part in parts_of(name):
                for _ in self._download(part):
                    pass
            self._add(name)
            return web.json_response({"status": "success"})
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        await _write(response, {"status": "pulling manifest"})
        if refusal:
            await _write(response, {"error": refusal})
            return response
        for part in parts_of(name):
            if not await self._stream_part(request, response, part):
                return response
        for status in ("verifying sha256 digest", "writing manifest"):
            await _write(response, {"status": status})
        self._add(name)
        await _write(response, {"status": "success"})
        return response

    async def _stream_part(
        self, request: web.Request, response: web.StreamResponse, part: bytes
    ) -> bool:
        """Report a part as it arrives; False if the connection must end early."""
        behaviour = self._fake.behaviour
        for number, line in enumerate(self._download(part)):
            await _write(response, line)
            await asyncio.sleep(behaviour.token_delay)
            if number < behaviour.fault_after:
                continue
            if behaviour.strikes(Fault.STALL):
                while True:
                    await _write(response, line)
                    await asyncio.sleep(STALL_PAUSE)
            if behaviour.strikes(Fault.CUT_OFF, Fault.DROP):
                if behaviour.fault is Fault.DROP and request.transport is not None:
                    request.transport.abort()
                return False
        return True

    def _download(self, part: bytes) -> Iterator[JsonObject]:
        """Write a part slice by slice where an earlier attempt ended, and report each."""
        checksum = hashlib.sha256(part).hexdigest()
        line: JsonObject = {
            "status": f"pulling {checksum[:12]}",
            "digest": f"sha256:{checksum}",
            "total": len(part),
        }
        folder = self._fake.folder
        if folder is None:
            steps = [len(part) * number // SLICES for number in range(SLICES + 1)]
            yield from (line | ({"completed": step} if step else {}) for step in steps)
            return
        blob = folder / "blobs" / f"sha256-{checksum}"
        blob.parent.mkdir(parents=True, exist_ok=True)
        if not blob.exists():
            partial = blob.with_name(f"{blob.name}-partial")
            yield line
            with partial.open("ab") as file:
                while (at := file.tell()) < len(part):
                    file.write(part[at : at + max(1, len(part) // SLICES)])
                    file.flush()
                    self._fake.downloaded += file.tell() - at
                    yield line | {"completed": file.tell()}
            if self._fake.behaviour.strikes(Fault.DAMAGED):
                partial.write_bytes(bytes(len(part)))
            partial.rename(blob)
        yield line | {"completed": len(part)}

    def _add(self, name: str) -> None:
        self._fake.models[name] = model_named(name)
        if self._fake.folder is not None:
            path = manifest_path(self._fake.folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(manifest_of(name))


async def _write(response: web.StreamResponse, line: JsonObject) -> None:
    await response.write(json.dumps(line).encode() + b"\n")


def model_named(name: str) -> FakeModel:
    """Return the model that a name of the registry stands for."""
    return FakeModel(name, ("embedding" if "embed" in name else "completion",))


def parts_of(name: str) -> list[bytes]:
    """Return weights, licence and description; the weights are a matter of the name's hash."""
    weights = hashlib.shake_128(name.encode()).digest(WEIGHTS)
    description: JsonObject = {"model_format": "gguf", "model_family": "llama"}
    if "stub" in name:
        description["remote_host"] = "https://ollama.com"
    return [weights, b"Do with it what you like.\n", json.dumps(description).encode()]


def manifest_of(name: str) -> bytes:
    """Return what the registry says about a model."""
    *layers, description = parts_of(name)
    kinds = [_KIND.format(kind) for kind in ("model", "license")]
    manifest = {
        "schemaVersion": 2,
        "mediaType": _DOCKER.format("distribution.manifest.v2"),
        "config": _entry(_DOCKER.format("container.image.v1"), description),
        "layers": [_entry(kind, layer) for kind, layer in zip(kinds, layers, strict=True)],
    }
    return json.dumps(manifest).encode()


def _entry(kind: str, part: bytes) -> JsonObject:
    digest = f"sha256:{hashlib.sha256(part).hexdigest()}"
    return {"mediaType": kind, "digest": digest, "size": len(part)}


def manifest_path(folder: Path, name: str) -> Path:
    """Return where the manifest of a complete name lies."""
    rest, _, tag = name.rpartition(":")
    namespace, _, model = rest.rpartition("/")
    return folder / "manifests" / REGISTRY / (namespace or "library") / model / tag


def models_in(folder: Path) -> dict[str, FakeModel]:
    """Return the models on disk; what is no manifest is skipped."""
    found = {}
    for path in (folder / "manifests").glob("*/*/*/*"):
        try:
            json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        namespace, model, tag = path.parts[-3:]
        name = f"{model}:{tag}" if namespace == "library" else f"{namespace}/{model}:{tag}"
        found[name] = model_named(name)
    return found
