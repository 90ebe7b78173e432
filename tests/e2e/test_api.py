"""The whole way for programs: documents, search and answers with an API key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.appliance import Appliance, fake_ollama, home_folder, running_appliance
from tests.builders import documents
from tests.e2e.visitor import Program, claimed, program

MEBIBYTE = 1024 * 1024
FACT = "The bell of the east tower was cast in 1742 and weighs three tons."
QUESTION = "When was the bell of the east tower cast?"
BODY = {"model": "cloister", "messages": [{"role": "user", "content": QUESTION}]}


@pytest.fixture(scope="module")
def bell(client: Program, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a document that answers the question."""
    folder = tmp_path_factory.mktemp("files")
    return client.add(documents.pdf(folder / "towers.pdf", ["Towers and walls.", FACT]))


def test_a_document_is_acknowledged_and_becomes_ready(client: Program, bell: str) -> None:
    found = client.finished(bell)
    assert found["status"] == "ready", found
    assert found["file"] == "towers.pdf"
    assert found["pages"]["count"] == 2
    listed = client.http.get("/api/documents").json()
    assert bell in {each["id"] for each in listed["documents"]}


def test_the_same_file_again_is_recognised(client: Program, bell: str, tmp_path: Path) -> None:
    path = documents.written(tmp_path / "wall.txt", "The wall is as old as the tower.")
    first = client.add(path)
    again = client.upload("wall under another name.txt", path.read_bytes())
    assert again.status_code == 200
    assert again.json()["duplicate"] is True
    assert again.json()["id"] == first


def test_search_returns_the_passage_with_its_place(client: Program, bell: str) -> None:
    client.finished(bell)
    found = client.http.post("/api/search", json={"query": QUESTION}).json()["passages"]
    assert found[0]["document"] == bell
    assert found[0]["page"] == 2
    assert "cast in 1742" in found[0]["text"]
    assert found[0]["end"] > found[0]["start"] >= 0


def test_an_answer_comes_whole_with_its_citations(client: Program, bell: str) -> None:
    client.finished(bell)
    answer = client.ask(QUESTION)
    assert answer.kind == "generated"
    assert "1742" in answer.text
    assert "[1]" in answer.text
    assert answer.citations[0] | {"document": bell, "page": 2, "number": 1} == answer.citations[0]


def test_an_answer_streams_and_its_last_chunk_has_the_citations(client: Program, bell: str) -> None:
    client.finished(bell)
    with client.http.stream("POST", "/v1/chat/completions", json=BODY | {"stream": True}) as got:
        assert got.headers["content-type"].startswith("text/event-stream")
        chunks = _chunks(got)
    words = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert len([word for word in words if word]) > 1, "it came in one piece"
    assert "1742" in "".join(words)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert [citation["document"] for citation in chunks[-1]["citations"]] == [bell]
    assert all("citations" not in chunk for chunk in chunks[:-1])


def _chunks(answer: httpx.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_the_models_are_listed(client: Program) -> None:
    names = [model["id"] for model in client.http.get("/v1/models").json()["data"]]
    assert names[0] == "cloister"
    assert "fake-chat:latest" in names


def test_a_deleted_document_is_gone(client: Program, tmp_path: Path) -> None:
    added = client.add(documents.written(tmp_path / "gone.txt", "Nobody remembers the heron."))
    client.finished(added)
    assert client.http.delete(f"/api/documents/{added}").status_code == 204
    _refused(client.http.get(f"/api/documents/{added}"), 404, "not_found")
    found = client.http.post("/api/search", json={"query": "Who remembers the heron?"}).json()
    assert added not in {passage["document"] for passage in found["passages"]}


def test_a_missing_or_wrong_key_is_refused(appliance: Appliance) -> None:
    address = f"{appliance.address}/api/documents"
    _refused(httpx.get(address, trust_env=False), 401, "key_required")
    with Program(appliance.address, "clk_nonsense") as stranger:
        _refused(stranger.http.get("/api/documents"), 401, "key_required")


def test_a_key_without_the_scope_is_refused(appliance: Appliance, client: Program) -> None:
    with program(appliance, "--scope", "documents") as narrow:
        assert narrow.http.get("/api/documents").status_code == 200
        _refused(narrow.http.post("/v1/chat/completions", json=BODY), 403, "scope_missing")
        _refused(narrow.http.post("/api/search", json={"query": "x"}), 403, "scope_missing")


def test_an_empty_file_is_refused(client: Program) -> None:
    _refused(client.upload("empty.txt", b""), 422, "empty_file")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("program.exe", b"MZ\x90\x00", "unsupported_type"),
        ("picture.pdf", documents.picture(), "wrong_extension"),
    ],
    ids=["program", "picture"],
)
def test_a_file_that_cannot_be_read_says_why(
    client: Program, name: str, content: bytes, code: str
) -> None:
    found = client.finished(client.upload(name, content).json()["id"])
    assert found["status"] == "failed", found
    assert found["error"]["code"] == code
    assert found["error"]["message"]
    assert found["error"]["hint"]


def test_an_upload_without_a_file_and_a_broken_body_are_refused(client: Program) -> None:
    _refused(client.http.post("/api/documents", files={"other": b""}), 422, "no_file")
    _refused(client.http.post("/api/search", content=b"{"), 422, "invalid_input")
    answer = client.http.post("/v1/chat/completions", content=b"{")
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["code"]


def test_a_file_over_the_limit_is_refused_before_it_is_stored() -> None:
    with (
        fake_ollama() as runner,
        home_folder() as home,
        running_appliance(home, ollama=runner, CLOISTER_UPLOAD_LIMIT=str(MEBIBYTE)) as appliance,
        claimed(appliance),
        program(appliance) as client,
    ):
        before = _stored(home)
        _refused(client.upload("large.txt", b"word " * MEBIBYTE), 413, "too_large")
        assert _stored(home) == before
        assert client.upload("small.txt", b"A few words.").status_code == 202


def _stored(home: Path) -> int:
    return sum(path.stat().st_size for path in (home / "documents").rglob("*") if path.is_file())


def _refused(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code, error
    assert error["message"]
