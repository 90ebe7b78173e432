"""The fake's own abilities: what the contract does not cover and tests elsewhere rely on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import httpx
import pytest

from appliance.llm.client import ModelRunner
from tests.fakes.ollama import FakeOllama
from tests.fakes.ollama_words import NOTHING_FOUND, answer

PROMPT = """Answer from these passages and cite them like [1].

[1] Staff handbook, page 3
Staff get 25 days of leave. Unused days expire in March.

[2] Fees
The registration fee is 12.50 euros. It is paid in May.
"""


def asked(content: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]


@pytest.mark.parametrize("question", ["How high is the fee?", "Question: How high is the fee?"])
def test_it_quotes_the_sentence_that_answers(question: str) -> None:
    assert answer(asked(f"{PROMPT}\n{question}")) == "The registration fee is 12.50 euros. [2]"


def test_the_question_may_come_first() -> None:
    prompt = f"Question: When do unused days expire?\n\n{PROMPT}"

    assert answer(asked(prompt)) == "Unused days expire in March. [1]"


def test_passages_may_be_in_the_system_message() -> None:
    messages = [
        {"role": "system", "content": PROMPT},
        {"role": "user", "content": "How many days of leave are there?"},
    ]

    assert answer(messages) == "Staff get 25 days of leave. [1]"


def test_sources_fences_and_instructions_are_not_quoted() -> None:
    prompt = """<passages>
[1] The fee is due
in May.
(from fee, fee, fee.txt, page 1)
</passages>

Answer from the fee passages about the fee.

Question: When is the fee, the fee due?"""

    assert answer(asked(prompt)) == "The fee is due in May. [1]"


def test_without_passages_it_says_so() -> None:
    assert answer(asked("How high is the fee?")) == NOTHING_FOUND


async def test_more_generations_than_places_wait(fake: FakeOllama, runner: ModelRunner) -> None:
    fake.behaviour.parallel = 2
    fake.behaviour.answer = "one two"
    fake.behaviour.token_delay = 0.01
    messages = [{"role": "user", "content": "Hello"}]

    async def ask() -> None:
        async for _ in runner.chat("fake-chat", messages, context_tokens=512, limit_tokens=9):
            pass

    async with asyncio.TaskGroup() as tasks:
        for _ in range(6):
            tasks.create_task(ask())

    assert (fake.finished, fake.most_active) == (6, 2)


async def test_another_process_can_set_it_and_look(fake: FakeOllama) -> None:
    async with httpx.AsyncClient(base_url=fake.address, trust_env=False) as http:
        await http.post("/fake/behaviour", json={"answer": "Yes.", "fault": "busy"})
        refused = await http.post("/api/chat", json={"model": "fake-chat", "messages": asked("?")})
        unknown = await http.post("/fake/behaviour", json={"nonsense": 1})
        state = (await http.get("/fake/state")).json()
        reset = (await http.delete("/fake/behaviour")).json()

    assert (refused.status_code, unknown.status_code) == (503, 400)
    assert state["behaviour"]["answer"] == "Yes."
    assert state["requests"] == [{"method": "POST", "path": "/api/chat", "model": "fake-chat"}]
    assert reset["fault"] is None


async def test_another_number_of_places_reaches_those_that_wait(fake: FakeOllama) -> None:
    fake.behaviour.parallel = 0
    body = {"model": "fake-embed", "input": "Cats"}
    async with (
        httpx.AsyncClient(base_url=fake.address, trust_env=False) as http,
        asyncio.TaskGroup() as tasks,
    ):
        waiting = tasks.create_task(http.post("/api/embed", json=body))
        await fake.until(lambda: bool(fake.requests_to("/api/embed")))
        await http.post("/fake/behaviour", json={"parallel": 1})

    assert waiting.result().status_code == 200


async def test_it_pulls_and_deletes_models(fake: FakeOllama) -> None:
    async with httpx.AsyncClient(base_url=fake.address, trust_env=False) as http:
        pulled = await http.post("/api/pull", json={"model": "tiny"})
        assert pulled.text.splitlines()[-1] == '{"status": "success"}'
        assert "tiny:latest" in fake.models
        deleted = await http.request("DELETE", "/api/delete", json={"model": "tiny"})

    assert deleted.status_code == 200
    assert "tiny:latest" not in fake.models


async def test_as_a_program_it_serves_until_sigterm() -> None:
    environment = {
        **os.environ,
        "OLLAMA_HOST": "127.0.0.1:0",
        "FAKE_OLLAMA_BEHAVIOUR": '{"version": "1.2.3"}',
    }
    command = (sys.executable, "-m", "tests.fakes.ollama", "serve")
    program = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    line = (await program.stdout.readline()).decode()
    async with ModelRunner(line.split()[2]) as runner:
        assert await runner.version() == "1.2.3"

    program.send_signal(signal.SIGTERM)

    async with asyncio.timeout(30):
        assert await program.wait() == 0
