"""People who go on using the appliance while something is done to it, and what they notice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.e2e.visitor import Program
from tests.machines.visitor import Site

# A connection of its own for each request: none is lost because it had been idle.
ALONE = {"Connection": "close", "Accept": "text/html"}
PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Glance:
    """One request for a page: when it was answered, with which status or error, and the body."""

    at: float
    outcome: int | str
    body: str = ""


@dataclass(slots=True)
class Observations:
    """What was seen, and the documents whose upload was acknowledged, by their name."""

    glances: list[Glance] = field(default_factory=list)
    acknowledged: dict[str, str] = field(default_factory=dict)
    refused: int = 0

    @property
    def longest_absence(self) -> float:
        """How long at most nobody got a page, in seconds."""
        absent_since: float | None = None
        longest = 0.0
        for glance in self.glances:
            if glance.outcome == httpx.codes.OK:
                absent_since = None
                continue
            absent_since = glance.at if absent_since is None else absent_since
            longest = max(longest, glance.at - absent_since)
        return longest


@contextmanager
def watching(site: Site, program: Program) -> Iterator[Observations]:
    """Let one person look at a page and a program upload, again and again, for as long."""
    seen = Observations()
    end = threading.Event()
    with ThreadPoolExecutor(2, "bystander") as threads:
        work: list[Future[None]] = [
            threads.submit(_look, site, seen, end),
            threads.submit(_upload, program, seen, end),
        ]
        try:
            yield seen
        finally:
            end.set()
    for each in work:
        each.result()


def _look(site: Site, seen: Observations, end: threading.Event) -> None:
    with httpx.Client(transport=site.way(), trust_env=False, timeout=30) as browser:
        while not end.wait(PAUSE_SECONDS):
            try:
                answer = browser.get(f"{site.address}/sign-in", headers=ALONE)
                glance = Glance(time.monotonic(), answer.status_code, answer.text)
            except httpx.HTTPError as error:
                glance = Glance(time.monotonic(), f"{type(error).__name__}: {error}")
            seen.glances.append(glance)


def _upload(program: Program, seen: Observations, end: threading.Event) -> None:
    number = 0
    while not end.wait(PAUSE_SECONDS):
        number += 1
        name = f"note-{number}.txt"
        try:
            answer = program.upload(name, f"Note number {number} of the harbour log.".encode())
        except httpx.HTTPError:
            seen.refused += 1
            continue
        if answer.status_code == httpx.codes.ACCEPTED:
            seen.acknowledged[name] = answer.json()["id"]
        else:
            seen.refused += 1
