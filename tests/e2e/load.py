"""A light load: one thread uploads, one asks, and both remember what was acknowledged."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx

from tests.appliance import wait_until
from tests.e2e.visitor import Program, Visitor

PAUSE = 0.2
PATIENCE_SECONDS = 30.0
FACT = "Lantern {number} of the {name} hangs over gate {number} and is lit at dusk."
_OLDER = re.compile(r'href="([^"]+)">Older conversations')
_TITLE = re.compile(r'class="conversations__title">([^<]+)<')
_BUSY = 'aria-busy="true"'


@dataclass
class Load:
    """What was acknowledged: the ids of documents, and the paths of conversations."""

    name: str
    documents: list[str] = field(default_factory=list)
    conversations: list[str] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def until(self, documents: int, conversations: int) -> None:
        """Wait until that much more was acknowledged."""
        wanted = len(self.documents) + documents, len(self.conversations) + conversations

        def enough() -> bool:
            assert not self.errors, self.errors
            return len(self.documents) >= wanted[0] and len(self.conversations) >= wanted[1]

        wait_until(enough, "the load to be acknowledged")

    def upload(self, client: Program) -> None:
        """Upload one small document after another."""

        def send(number: int) -> None:
            text = FACT.format(name=self.name, number=number).encode()
            answer = client.upload(f"{self.name} {number}.txt", text)
            if answer.status_code == HTTPStatus.ACCEPTED:
                self.documents.append(answer.json()["id"])

        self._repeat(send)

    def ask(self, visitor: Visitor) -> None:
        """Begin one conversation after another."""
        token = visitor.token("/account")

        def send(number: int) -> None:
            form = {"csrf": token, "question": f"Which gate has lantern {number} of {self.name}?"}
            answer = visitor.http.post("/conversations", data=form)
            if answer.status_code == HTTPStatus.SEE_OTHER:
                self.conversations.append(answer.headers["location"])

        self._repeat(send)

    def _repeat(self, send: Callable[[int], None]) -> None:
        for number in itertools.count(1):
            try:
                send(number)
            except httpx.TransportError:
                pass  # What was not acknowledged may be lost.
            except Exception as error:  # noqa: BLE001 - told by the test, not by the thread
                self.errors.append(error)
                return
            if self._ended.wait(PAUSE):
                return

    def end(self) -> None:
        """Let both threads finish what they are doing."""
        self._ended.set()


@contextmanager
def load(name: str, client: Program, visitor: Visitor) -> Iterator[Load]:
    """Run the load while the block runs."""
    running = Load(name)
    threads = [
        threading.Thread(target=running.upload, args=(client,)),
        threading.Thread(target=running.ask, args=(visitor,)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield running
    finally:
        running.end()
        for thread in threads:
            thread.join()


def check(seen: Load, client: Program, visitor: Visitor) -> None:
    """Assert that all that was acknowledged is there, once, and that nothing hangs."""
    assert not seen.errors, seen.errors
    for document in seen.documents:
        found = client.finished(document)
        assert found["status"] == "ready", found
    listed = _listed(client)
    names = Counter(each["file"] for each in listed)
    assert set(names.values()) == {1}, names.most_common(3)
    assert {each["id"] for each in listed} >= set(seen.documents)
    for path in seen.conversations:
        assert visitor.questions_in(path) == 1
        wait_until(lambda at=path: _BUSY not in visitor.http.get(at).text, f"{path} to be answered")
    titles = Counter(title for title in _titles(visitor) if seen.name in title)
    assert len(titles) >= len(seen.conversations)
    assert set(titles.values()) == {1}, titles.most_common(3)


def _listed(client: Program) -> list[dict[str, Any]]:
    answer = client.http.get("/api/documents", params={"limit": 1000}).json()
    found: list[dict[str, Any]] = answer["documents"]
    assert len(found) == answer["total"]
    return found


def _titles(visitor: Visitor) -> Iterator[str]:
    page: str | None = "/"
    while page:
        text = visitor.http.get(page).text
        yield from _TITLE.findall(text)
        older = _OLDER.search(text)
        page = older[1].replace("&amp;", "&") if older else None


def seconds_until(serves: Callable[[], bool], since: float, what: str) -> float:
    """Ask again and again until something serves; return the seconds since `since`.

    A refusal and a broken connection are no answer.
    """
    reason = "it was never asked"
    while (now := time.monotonic() - since) < PATIENCE_SECONDS:
        try:
            if serves():
                return time.monotonic() - since
            reason = "it refused"
        except (httpx.TransportError, AssertionError) as error:
            reason = f"{type(error).__name__}: {error}"
        time.sleep(0.05)
    message = f"{what} did not serve at {now:.0f} s: {reason}"
    raise AssertionError(message)
