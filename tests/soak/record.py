"""What happened in a soak, and which promises were broken."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

import aiohttp

from tests.bench.figures import megabytes, milliseconds


@dataclass
class Record:
    """Requests of ordinary members with their seconds, what went wrong, and memory in bytes."""

    before: int = 0
    after: int = 0
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    failures: Counter[str] = field(default_factory=Counter)
    hostile: Counter[str] = field(default_factory=Counter)

    unlimited: set[str] = field(default_factory=set)

    @contextmanager
    def ordinary(self, what: str, *, is_limited: bool = True) -> Iterator[None]:
        """Measure a request of an ordinary member; an error in the block is a failure of it.

        What waits for a model or for the turn in a queue has no limit of its own.
        """
        if not is_limited:
            self.unlimited.add(what)
        begin = time.monotonic()
        try:
            yield
        except (aiohttp.ClientError, TimeoutError, UnexpectedAnswerError) as error:
            self.failures[f"{what}: {error!r}"] += 1
        self.seconds[what].append(time.monotonic() - begin)

    def table(self) -> str:
        """Return one line for each kind of request, then what the hostile members got."""
        lines = [
            f"{what:32} {len(took):6} requests, median {milliseconds(median(took))}, "
            f"worst {milliseconds(max(took))}"
            for what, took in sorted(self.seconds.items())
        ]
        lines += [f"hostile: {what:40} {count:6}" for what, count in sorted(self.hostile.items())]
        lines.append(f"memory before {megabytes(self.before)}, after {megabytes(self.after)}")
        return "\n".join(lines)

    def broken_promises(self, most_seconds: float, most_growth: float) -> list[str]:
        """Return a sentence for each promise that was broken."""
        broken = [f"{count} times {what}" for what, count in self.failures.most_common()]
        for what, took in sorted(self.seconds.items()):
            late = sum(each > most_seconds for each in took)
            if late and what not in self.unlimited:
                broken.append(f"{late} of {len(took)} took over {most_seconds:g} s: {what}")
        if self.after > self.before * (1 + most_growth):
            broken.append(f"memory grew by {self.after / self.before - 1:.0%}")
        return broken


class UnexpectedAnswerError(Exception):
    """An answer has another status than an ordinary request may get."""
