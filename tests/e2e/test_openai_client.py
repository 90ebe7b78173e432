"""OpenAI's own client package talks to Cloister through Nginx, as its users leave its defaults."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from tests.appliance import Appliance
from tests.e2e.visitor import Program

FACT = "The mill of Arden has seven wheels."
QUESTION = "How many wheels has the mill of Arden?"


@pytest.fixture(scope="module")
def official(appliance: Appliance, client: Program) -> Iterator[openai.OpenAI]:
    """The client, with a key of a reader who has one document."""
    sent = client.upload("mill.txt", FACT.encode())
    client.finished(sent.json()["id"])
    key = client.http.headers["Authorization"].removeprefix("Bearer ")
    # Without this it would read the proxies of the machine's environment.
    http = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(api_key=key, base_url=f"{appliance.address}/v1", http_client=http) as found:
        yield found


def test_it_lists_the_models(official: openai.OpenAI) -> None:
    assert "cloister" in {model.id for model in official.models.list()}


def test_it_reads_an_answer_with_its_citations(official: openai.OpenAI) -> None:
    answer = official.chat.completions.create(
        model="cloister", messages=[{"role": "user", "content": QUESTION}]
    )
    assert "seven" in (answer.choices[0].message.content or "")
    assert answer.model_extra
    assert answer.model_extra["citations"]


def test_it_reads_a_streamed_answer(official: openai.OpenAI) -> None:
    stream = official.chat.completions.create(
        model="cloister",
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
    assert "seven" in text
    assert chunks[-1].usage


def test_it_reads_vectors_as_bytes_and_as_numbers(official: openai.OpenAI) -> None:
    texts = [f"wheel {number}" for number in range(40)]
    # By itself it asks for bytes.
    as_bytes = official.embeddings.create(model="cloister", input=texts)
    as_numbers = official.embeddings.create(model="cloister", input=texts, encoding_format="float")
    assert [each.index for each in as_bytes.data] == list(range(40))
    assert as_bytes.usage.total_tokens == as_numbers.usage.total_tokens > 0
    for one, other in zip(as_bytes.data, as_numbers.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, rel=1e-6)


def test_it_understands_a_refusal(official: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        official.embeddings.create(model="nowhere", input="x")
    assert refused.value.code == "model_not_found"
