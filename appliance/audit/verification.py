"""Verify the chain of the audit against itself, and against the anchors outside of the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.audit.anchor import Anchor, AnchorFile, anchors_in, compare
from appliance.audit.chain import (
    ChainEnd,
    Finding,
    HashedEntry,
    Link,
    Problem,
    Walk,
    belongs_to_fault,
)
from appliance.audit.errors import AnchorOfOtherDatabaseError, NoChainError
from appliance.audit.report import Anchored, Report
from appliance.audit.store import ChainStore
from appliance.core.clock import Clock
from appliance.db.pool import WORK_SECONDS, Database
from appliance.repository import catalog

# How many links are in memory at a time; their hashes take a few milliseconds.
_PIECE = 500


@dataclass(frozen=True, slots=True)
class Verifier:
    """Reads the whole audit as it is at one moment, piece by piece; no writer waits for it.

    `state` is the folder with the supervisor's anchors, `published` the list of the backups, which
    have an anchor each. Both may be missing.
    """

    database: Database
    state: Path
    published: Path
    clock: Clock

    async def verify(self, given: Sequence[Anchor] = ()) -> Report:
        """Return what is wrong, the first fault first; `given` are further anchors.

        Raises DatabaseUnavailableError, NoChainError and AnchorOfOtherDatabaseError.
        """
        known = (
            *await asyncio.to_thread(AnchorFile(self.state).read),
            *anchors_in(await catalog.read(self.published)),
        )
        async with (
            self.database.connection(limit=WORK_SECONDS) as connection,
            connection.transaction(),
        ):
            chain = ChainStore(connection)
            await chain.begin()
            if not await chain.exists():
                raise NoChainError
            end = await chain.end()
            for anchor in given:
                if anchor.end.cluster != end.cluster:
                    raise AnchorOfOtherDatabaseError(position=anchor.end.position)
            return await self._verify(chain, end, (*known, *given))

    async def _verify(self, chain: ChainStore, end: ChainEnd, known: Sequence[Anchor]) -> Report:
        anchors = [anchor for anchor in known if anchor.end.cluster == end.cluster]
        walk = Walk(await chain.start(), frozenset(anchor.end.position for anchor in anchors))
        async for links in _pieces(chain, walk.start.position):
            walk.follow(links)
        report = Report(
            at=self.clock.now(),
            entries=walk.entries,
            first_position=walk.start.position + 1,
            last_position=walk.last.position,
            anchors=len(anchors),
            end=end.as_text(),
            faults=walk.faults,
        )
        if walk.first is not None:
            return await _with_fault(chain, walk, walk.first, report)
        if (found := await _without_link(chain)) is not None:
            return replace(report, finding=found, faults=found.count)
        if (unfit := compare(walk, anchors)) is not None:
            anchor, finding = unfit
            where = Anchored(anchor.source, anchor.at)
            return replace(report, finding=finding, faults=finding.count, anchor=where)
        if (start := walk.start_finding()) is not None:
            return replace(report, finding=start, faults=1)
        return report


async def _with_fault(chain: ChainStore, walk: Walk, first: Finding, report: Report) -> Report:
    """Say what the entry with the first fault is now, and whether another one belongs there."""
    if first.problem is not Problem.CHANGED:
        return replace(report, finding=first)
    there: HashedEntry | None = None
    previous = walk.start.hash
    async for links in _pieces(chain, walk.start.position):
        for link in links:
            if link.position == first.position:
                there = link.entry
            elif belongs_to_fault(link, previous, walk):
                first = replace(first, problem=Problem.REORDERED)
            previous = link.hash
    said = {"actor": there.actor, "action": there.action, "object": there.object} if there else None
    return replace(report, finding=first, entry=said)


async def _without_link(chain: ChainStore) -> Finding | None:
    found = await chain.without_link()
    return Finding(Problem.ADDED, None, found[0], found[1]) if found else None


async def _pieces(chain: ChainStore, after: int) -> AsyncGenerator[list[Link], None]:
    while links := await chain.links(after=after, limit=_PIECE):
        yield links
        after = links[-1].position
