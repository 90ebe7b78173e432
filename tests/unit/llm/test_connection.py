from __future__ import annotations

from pathlib import Path

import pytest

from appliance.llm.client import ModelRunner
from appliance.llm.connection import base_url
from appliance.llm.errors import ModelFailedError
from appliance.llm.model import Timeouts
from appliance.llm.runner_errors import ModelRunnerUnavailableError
from tests.fakes.ollama import FakeOllama, running_fake

HELLO = [{"role": "user", "content": "Hello"}]


async def test_it_speaks_over_a_unix_socket(tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/runner.sock"
    async with running_fake(host=address) as fake, ModelRunner(address) as runner:
        assert await runner.version() == fake.behaviour.version
        answer = runner.chat("fake-chat", HELLO, context_tokens=512, limit_tokens=9)
        assert [chunk async for chunk in answer][-1].done


async def test_a_unix_socket_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    async with ModelRunner(f"unix://{tmp_path}/nothing.sock") as runner:
        with pytest.raises(ModelRunnerUnavailableError):
            await runner.version()


async def test_an_address_may_be_bare(fake: FakeOllama) -> None:
    async with ModelRunner(fake.address.removeprefix("http://")) as runner:
        assert await runner.version() == fake.behaviour.version


async def test_the_environment_changes_nothing(
    fake: FakeOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_API_KEY", "secret")
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:1")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async with ModelRunner(fake.address) as runner:
        await runner.version()
        await runner.embed("fake-embed", ["Cats"])

    assert {request.path for request in fake.requests} == {"/api/version", "/api/embed"}
    assert not any("authorization" in request.headers for request in fake.requests)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("runner", "http://runner:11434"),
        ("runner:80", "http://runner:80"),
        ("[::1]", "http://[::1]:11434"),
        ("https://runner", "https://runner"),
    ],
)
def test_an_address_without_a_port_means_ollamas_own(address: str, url: str) -> None:
    assert base_url(address) == url


async def test_a_lookup_gives_up_soon(fake: FakeOllama) -> None:
    fake.behaviour.lookup_delay = 30
    async with ModelRunner(fake.address, timeouts=Timeouts(lookup=0.05)) as runner:
        with pytest.raises(ModelRunnerUnavailableError):
            await runner.version()

    await fake.until(lambda: fake.aborted == 1)


async def test_a_load_may_take_longer_than_a_token(fake: FakeOllama) -> None:
    fake.behaviour.load_delay = 0.2
    timeouts = Timeouts(lookup=0.1, load=5, token=0.1)
    async with ModelRunner(fake.address, timeouts=timeouts) as runner:
        answer = runner.chat("fake-chat", HELLO, context_tokens=512, limit_tokens=9)
        assert [chunk async for chunk in answer][-1].done


async def test_a_load_that_never_ends_is_a_failure(fake: FakeOllama) -> None:
    fake.behaviour.load_delay = 30
    async with ModelRunner(fake.address, timeouts=Timeouts(load=0.05)) as runner:
        with pytest.raises(ModelFailedError, match="did not begin"):
            await anext(runner.chat("fake-chat", HELLO, context_tokens=512, limit_tokens=9))
        with pytest.raises(ModelFailedError, match="did not begin"):
            await runner.embed("fake-embed", ["Cats"])


async def test_a_stream_that_falls_silent_is_a_failure(fake: FakeOllama) -> None:
    fake.behaviour.answer = "one two"
    fake.behaviour.token_delay = 30
    async with ModelRunner(fake.address, timeouts=Timeouts(token=0.05)) as runner:
        answer = runner.chat("fake-chat", HELLO, context_tokens=512, limit_tokens=9)
        assert (await anext(answer)).text == "one"
        with pytest.raises(ModelFailedError, match=r"wrote nothing for 0\.05 seconds"):
            await anext(answer)

    await fake.until(lambda: fake.aborted == 1)
