"""Somebody who uses the appliance over HTTP: with forms like a browser, or with an API key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from tests.appliance import Appliance, wait_until

PASSWORD = "brass heron paints the lighthouse"
UNFINISHED = {"queued", "reading"}
_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]+)"')
_PERSON = 'class="message message--person"'


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program is told: the words, where they come from, and which passages they cite."""

    text: str
    kind: str
    citations: list[dict[str, Any]]
    note: dict[str, str] | None


class Visitor:
    """A browser without a window: it keeps cookies and sends forms with their token."""

    def __init__(self, address: str, way: httpx.BaseTransport | None = None) -> None:
        """`way` is how requests get there, if not over the network of this process."""
        self.http = httpx.Client(base_url=address, transport=way, trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.http.close()

    def token(self, page: str) -> str:
        """Return the token of the forms on a page."""
        found = _TOKEN.search(self.http.get(page).text)
        assert found, f"there is no form on {page}"
        return found[1]

    def post(self, path: str, page: str, **fields: str) -> httpx.Response:
        """Send a form that stands on `page`, as a browser without scripts does."""
        return self.http.post(path, data={"csrf": self.token(page), **fields})

    def claim(self, link: str, name: str = "ada") -> None:
        """Open the claim link and become the operator.

        The link may name the machine by its address; cookies are for one name only.
        """
        page, code = urlsplit(link).path, urlsplit(link).fragment
        fields = {"code": code, "name": name, "display_name": name.title(), "password": PASSWORD}
        assert self.post(page, page, **fields).status_code == 303

    def sign_in(self, name: str = "ada", password: str = PASSWORD) -> httpx.Response:
        """Sign in to the chat."""
        return self.post("/sign-in", "/sign-in", name=name, password=password, next="/")

    def ask(self, question: str, token: str) -> str:
        """Begin a conversation; return its path once the question is acknowledged."""
        answer = self.http.post("/conversations", data={"csrf": token, "question": question})
        assert answer.status_code == 303, f"{answer.status_code}: {answer.text[:300]}"
        return urlsplit(answer.headers["location"]).path

    def questions_in(self, conversation: str) -> int:
        """Count the questions that a conversation shows."""
        page = self.http.get(conversation)
        assert page.status_code == 200, page.text
        return page.text.count(_PERSON)


class Program:
    """A program with an API key."""

    def __init__(self, address: str, key: str, way: httpx.BaseTransport | None = None) -> None:
        """`way` is how requests get there, if not over the network of this process."""
        headers = {"Authorization": f"Bearer {key}"}
        self.http = httpx.Client(
            base_url=address, headers=headers, transport=way, trust_env=False, timeout=30
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.http.close()

    def upload(self, name: str, content: bytes, **fields: str) -> httpx.Response:
        """Send a document."""
        return self.http.post("/api/documents", data=fields, files={"file": (name, content)})

    def add(self, path: Path, **fields: str) -> str:
        """Send a file that must be acknowledged; return its id."""
        answer = self.upload(path.name, path.read_bytes(), **fields)
        assert answer.status_code == 202, answer.text
        found: str = answer.json()["id"]
        return found

    def document(self, document_id: str) -> dict[str, Any]:
        """Return a document as the API tells it."""
        answer = self.http.get(f"/api/documents/{document_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def finished(self, document_id: str, within: float = 30.0) -> dict[str, Any]:
        """Wait until a document is read, or cannot be; return it."""

        def look() -> dict[str, Any] | None:
            found = self.document(document_id)
            return None if found["status"] in UNFINISHED else found

        found: dict[str, Any] = wait_until(look, f"document {document_id} to be read", within)
        return found

    def ask(self, question: str) -> Answer:
        """Ask and wait for the whole answer."""
        body = {"model": "cloister", "messages": [{"role": "user", "content": question}]}
        answer = self.http.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        whole = answer.json()
        text = whole["choices"][0]["message"]["content"]
        return Answer(text, whole["kind"], whole["citations"], whole.get("note"))


def claimed(appliance: Appliance) -> Visitor:
    """Return the operator of a new appliance, signed in; use as a context manager."""
    operator = Visitor(appliance.address)
    operator.claim(appliance.claim_link)
    return operator


def program(appliance: Appliance, *options: str) -> Program:
    """Return a program with a key that the command line makes; use as a context manager."""
    key = appliance.cli("api-key", "create", "end to end", *options)["key"]
    return Program(appliance.address, key)
