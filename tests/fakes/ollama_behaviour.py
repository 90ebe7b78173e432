"""How the fake model runner behaves, which models it has, and what it remembers of its callers."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.fakes.ollama_words import answer

JsonObject = dict[str, Any]


class Fault(StrEnum):
    """What goes wrong. Token-wise faults strike after `Behaviour.fault_after` tokens."""

    BUSY = "busy"  # 503 before anything else
    LOAD_FAILS = "load_fails"  # 500 instead of a load
    CRASH = "crash"  # an error line in the stream; 400 with EOF for vectors
    NESTED_ERROR = "nested_error"  # 500 whose error is the engine's JSON as a string
    CUT_OFF = "cut_off"  # the stream ends properly, but without done
    DROP = "drop"  # the connection breaks
    NOT_JSON = "not_json"  # 200 with a web page
    STALL = "stall"  # a download reports the same number of bytes again and again
    DAMAGED = "damaged"  # a downloaded part is not what it should be
    FEWER_VECTORS = "fewer_vectors"  # one vector too few


@dataclass(slots=True)
class Behaviour:
    """Everything a test may set, in seconds and numbers; also over `POST /fake/behaviour`."""

    load_delay: float = 0.0
    first_token_delay: float = 0.0
    token_delay: float = 0.0
    embed_delay: float = 0.0
    lookup_delay: float = 0.0
    answer: str | None = None  # what every chat answers; None answers from the passages
    thinking: str = "Let me look at the passages."
    characters_per_token: float = 4.0  # how the prompt of a chat is counted
    parallel: int | None = None  # generations at once; more of them wait
    fault: Fault | None = None
    fault_after: int = 0
    fault_times: int | None = None  # None: each time
    lists_capabilities: bool = True  # False: as runners did before 0.12.10
    version: str = "0.32.15"

    def change(self, wanted: JsonObject) -> None:
        """Set the named fields; an unknown name is a KeyError, an unknown fault a ValueError."""
        known = {each.name for each in fields(self)}
        if unknown := wanted.keys() - known:
            raise KeyError(*sorted(unknown))
        for name, value in wanted.items():
            setattr(self, name, Fault(value) if name == "fault" and value else value)

    def strikes(self, *faults: Fault) -> bool:
        """Return whether one of these faults happens now, and use it up."""
        if self.fault not in faults or self.fault_times == 0:
            return False
        if self.fault_times is not None:
            self.fault_times -= 1
        return True

    def words_for(self, messages: list[dict[str, str]]) -> str:
        """Return what to write."""
        return answer(messages) if self.answer is None else self.answer


@dataclass(frozen=True, slots=True)
class FakeModel:
    """A model that the fake has."""

    name: str
    capabilities: tuple[str, ...]
    family: str = "llama"
    parameter_size: str = "26K"
    quantization: str = "F32"
    context_length: int = 131_072
    dimensions: int = 256
    size: int = 111_232
    remote_host: str = ""  # a stub: the real model is over there

    @property
    def digest(self) -> str:
        """Return a digest as of a manifest: 64 hexadecimal digits."""
        return hashlib.sha256(f"{self.name} {self.capabilities}".encode()).hexdigest()

    def details(self) -> JsonObject:
        """Return `details` as the list and the description have them."""
        return {
            "parent_model": "",
            "format": "gguf",
            "family": self.family,
            "families": [self.family],
            "parameter_size": self.parameter_size,
            "quantization_level": self.quantization,
        }


DEFAULT_MODELS = (
    FakeModel("fake-chat:latest", ("completion",)),
    FakeModel("fake-embed:latest", ("embedding",), family="bert"),
    FakeModel("fake-think:latest", ("completion", "thinking")),
)


def full_name(name: str) -> str:
    """Return the name with its tag, in lower case: lookup ignores case."""
    lowered = name.lower()
    return lowered if ":" in lowered.rpartition("/")[2] else f"{lowered}:latest"


@dataclass(frozen=True, slots=True)
class Request:
    """A request that came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: JsonObject


@dataclass(slots=True)
class Loaded:
    """A model in the fake's memory, with the options that it was loaded with."""

    model: FakeModel
    context_length: int
    shift: bool


@dataclass
class FakeOllama:
    """The state of one fake: what tests set and what they look at."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    models: dict[str, FakeModel] = field(
        default_factory=lambda: {model.name: model for model in DEFAULT_MODELS}
    )
    address: str = ""
    requests: deque[Request] = field(default_factory=lambda: deque(maxlen=2000))
    loaded: dict[str, Loaded] = field(default_factory=dict)
    loads: int = 0  # how often a model was loaded
    active: int = 0  # generations and embeddings that run now
    most_active: int = 0
    finished: int = 0
    folder: Path | None = None  # where models lie, if anywhere
    downloaded: int = 0  # bytes of models
    aborted: int = 0  # ended because the client left
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _loading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def requests_to(self, path: str) -> list[Request]:
        """Return the requests to one path, oldest first."""
        return [request for request in self.requests if request.path == path]

    async def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait until something is true of this fake; TimeoutError if it does not come true."""
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.002)

    def state(self) -> JsonObject:
        """Return what `GET /fake/state` tells another process."""
        return {
            "active": self.active,
            "most_active": self.most_active,
            "finished": self.finished,
            "aborted": self.aborted,
            "downloaded": self.downloaded,
            "loads": self.loads,
            "loaded": sorted(self.loaded),
            "models": sorted(self.models),
            "behaviour": asdict(self.behaviour),
            "requests": [
                {"method": each.method, "path": each.path, "model": each.body.get("model")}
                for each in self.requests
            ],
        }

    async def behave(self, wanted: JsonObject) -> None:
        """Change the behaviour and let those that wait look again."""
        self.behaviour.change(wanted)
        async with self._changed:
            self._changed.notify_all()

    async def load(self, model: FakeModel, context_length: int, *, shift: bool) -> float:
        """Have the model in memory with these options; returns the seconds that it took."""
        wanted = Loaded(model, min(context_length, model.context_length), shift)
        async with self._loading:
            if self.loaded.get(model.name) == wanted:
                return 0.0
            self.loaded.pop(model.name, None)
            await asyncio.sleep(self.behaviour.load_delay)
            self.loaded[model.name] = wanted
            self.loads += 1
            return self.behaviour.load_delay

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Hold one of the parallel places, and count how the work ends."""
        async with self._changed:
            await self._changed.wait_for(self._has_place)
            self.active += 1
            self.most_active = max(self.most_active, self.active)
        try:
            yield
            self.finished += 1
        finally:
            self.active -= 1
            async with self._changed:
                self._changed.notify_all()

    def _has_place(self) -> bool:
        return self.behaviour.parallel is None or self.active < self.behaviour.parallel
