"""People who add documents and ask, and remember to the byte what was acknowledged to them."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Thread

import httpx

from tests.e2e.visitor import Program, Visitor
from tests.machines.programs import wait_until
from tests.machines.visitor import Site

# Whoever talks to a machine without current hears nothing more; nobody waits long for that.
PATIENCE = 5.0
PAUSE = 0.1
_BUSY = 'aria-busy="true"'
_ANSWER = re.compile(r'<div class="prose" id="text-[^"]+">(.*?)</div>', re.DOTALL)


@dataclass
class Acknowledged:
    """Documents by their id, questions by the path of their conversation, finished answers too."""

    documents: dict[str, bytes] = field(default_factory=dict)
    questions: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)

    def until(self, *, documents: int = 0, questions: int = 0, answers: int = 0) -> None:
        """Return as soon as that much more was acknowledged."""
        wanted = (
            len(self.documents) + documents,
            len(self.questions) + questions,
            len(self.answers) + answers,
        )

        def enough() -> bool:
            assert not self.errors, self.errors
            found = (len(self.documents), len(self.questions), len(self.answers))
            return all(there >= least for there, least in zip(found, wanted, strict=True))

        wait_until(enough, "more is acknowledged", 60)

    def add(self, program: Program, name: str) -> None:
        """Add one document; it is long enough to be read for a moment."""
        content = f"The {name} lantern hangs over gate {name}.\n\n".encode() * 200
        sent = program.upload(f"{name}.txt", content)
        if sent.status_code == httpx.codes.ACCEPTED:
            self.documents[sent.json()["id"]] = content

    def ask(self, visitor: Visitor, token: str, name: str) -> None:
        """Ask one question, and look until the answer is complete."""
        question = f"Over which gate does the {name} lantern hang?"
        path = visitor.ask(question, token)
        self.questions[path] = question
        while _BUSY in (page := visitor.http.get(path).text):
            pass
        if found := _ANSWER.findall(page):
            self.answers[path] = found[-1]

    def check(self, program: Program, visitor: Visitor) -> None:
        """Assert that everything is there, as it was, and that nothing stays unfinished."""
        assert not self.errors, self.errors
        for document, content in self.documents.items():
            assert program.finished(document, within=60)["status"] == "ready"
            assert visitor.http.get(f"/library/{document}/file").content == content
        for path, question in self.questions.items():
            assert visitor.questions_in(path) == 1
            assert question in html.unescape(visitor.http.get(path).text)
            self._until_answered(visitor, path)
        for path, answer in self.answers.items():
            assert answer in visitor.http.get(path).text

    def _until_answered(self, visitor: Visitor, path: str) -> None:
        wait_until(lambda: _BUSY not in visitor.http.get(path).text, f"{path} is answered")


@contextmanager
def working(site: Site, kept: Acknowledged, label: str) -> Iterator[None]:
    """While the block runs two programs add documents, and two people ask."""
    ended = Event()

    def again_and_again(work: Callable[[str], None], who: str) -> None:
        for number in itertools.count(1):
            try:
                work(f"{label}-{who}-{number}")
            except (httpx.TransportError, AssertionError):
                pass  # Nothing was acknowledged.
            except Exception as error:  # noqa: BLE001 - told by the test, not by the thread
                kept.errors.append(error)
            if ended.wait(PAUSE):
                return

    with ExitStack() as stack:
        threads: list[Thread] = []
        for who in ("ada", "bob"):
            program = stack.enter_context(site.program())
            visitor = stack.enter_context(site.visitor())
            assert visitor.sign_in().is_redirect
            token = visitor.token("/account")
            program.http.timeout = visitor.http.timeout = httpx.Timeout(PATIENCE)
            works = partial(kept.add, program), partial(kept.ask, visitor, token)
            threads += [Thread(target=again_and_again, args=(work, who)) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()
