from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from typing_extensions import override

from appliance.core.clock import SystemClock
from appliance.core.errors import ApplianceError
from appliance.fetch.errors import (
    DiskFullError,
    FetchFailedError,
    ModelUnknownError,
    RegistryUnreachableError,
    RunnerTooOldError,
    StalledError,
    error_from_reason,
)
from appliance.fetch.names import ModelName
from appliance.fetch.pull import Patience, Pull
from appliance.llm.client import ModelRunner
from appliance.llm.errors import CloudModelRefusedError
from tests.fakes.clock import FakeClock
from tests.fakes.ollama import FakeOllama, Fault, running_fake

QUICK = Patience(seconds=0.05, attempts=3)


class HurriedClock(SystemClock):
    @override
    async def sleep(self, seconds: float) -> None:
        await FakeClock().sleep(seconds)


@pytest.fixture
async def fake() -> AsyncIterator[FakeOllama]:
    async with running_fake() as running:
        yield running


async def pull(fake: FakeOllama, name: str = "tiny") -> list[str]:
    said: list[str] = []
    async with ModelRunner(fake.address) as runner:
        await Pull(
            runner,
            ModelName.parse(name),
            clock=HurriedClock(),
            say=said.append,
            patience=QUICK,
        ).run()
    return said


async def test_a_pull_ends_with_the_model_there(fake: FakeOllama) -> None:
    said = await pull(fake)
    assert "tiny:latest" in fake.models
    assert said[0] == "Asking the registry …"
    assert "2.0 MB of 2.0 MB (100 %)" in said
    assert said[-1] == "Checking what arrived …"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("missing", ModelUnknownError),
        ("newer", RunnerTooOldError),
        ("offline", RegistryUnreachableError),
        ("huge", DiskFullError),
    ],
)
async def test_a_refusal_of_the_registry_has_its_own_words(
    fake: FakeOllama, name: str, error: type[ApplianceError]
) -> None:
    with pytest.raises(error):
        await pull(fake, name)
    assert len(fake.requests_to("/api/pull")) == 1


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.CUT_OFF, Fault.STALL])
async def test_it_asks_again_when_nothing_arrives_any_more(fake: FakeOllama, fault: Fault) -> None:
    fake.behaviour.change({"fault": fault, "fault_after": 7, "fault_times": 2})
    said = await pull(fake)
    assert len(fake.requests_to("/api/pull")) == 3
    assert said.count("Nothing arrives any more; asking again …") == 2
    assert "tiny:latest" in fake.models


async def test_it_gives_up_when_no_attempt_gets_further(fake: FakeOllama) -> None:
    fake.behaviour.change({"fault": Fault.STALL, "fault_after": 7})
    with pytest.raises(StalledError, match="3 times"):
        await pull(fake)
    assert "tiny:latest" not in fake.models
    await fake.until(lambda: fake.aborted == 3)


async def test_an_end_without_the_word_success_is_no_success(fake: FakeOllama) -> None:
    fake.behaviour.change({"fault": Fault.CUT_OFF, "fault_after": 25})
    with pytest.raises(StalledError):
        await pull(fake)


async def test_the_client_pulls_no_cloud_name(fake: FakeOllama) -> None:
    async with ModelRunner(fake.address) as runner:
        with pytest.raises(CloudModelRefusedError):
            await anext(runner.pull("gpt-oss:cloud"))
    assert not fake.requests


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ('Get "https://registry.ollama.ai/v2/": tls: failed to verify', RegistryUnreachableError),
        ("max retries exceeded: unexpected EOF", FetchFailedError),
        ("something new", FetchFailedError),
    ],
)
def test_words_that_fit_nothing_are_passed_on(reason: str, error: type[ApplianceError]) -> None:
    found = error_from_reason("tiny:latest", reason)
    assert type(found) is error
    assert reason in found.message
