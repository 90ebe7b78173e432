"""The check of the set-up: a test document is added, asked about at the front, and removed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from appliance.accounts.errors import PersonUnknownError
from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.accounts.people import People
from appliance.core.clock import Clock
from appliance.core.errors import NotFoundError
from appliance.db.pool import Database
from appliance.jobs.record import JobRecord
from appliance.library.service import LibraryService
from appliance.setup.model import Step
from appliance.setup.sample import Sample, new_sample
from appliance.setup.service import SetupService
from appliance.setup.store import SetupStore
from appliance.setup.visitor import Visitor

OpenFront = Callable[[], AbstractAsyncContextManager[httpx.AsyncClient]]
_STAGES = 4


@dataclass(frozen=True, slots=True)
class SetupCheck:
    """Runs as the job `setup_check`, of which there is one at a time.

    `open_front` lends a client of the address that people open. The document is the operator's own,
    and so is the key with which it is added: both are gone when the check ends, however it ends.
    """

    database: Database
    clock: Clock
    setup: SetupService
    people: People
    api_keys: ApiKeys
    library: LibraryService
    open_front: OpenFront

    async def run(self, record: JobRecord) -> str:
        """Do it for the operator who asked; the step of the set-up is done if it succeeds.

        Raises what `Visitor` raises.
        """
        await self.remove_leftovers()
        owner, sample = await self._owner(record.job.requested_by), new_sample()
        async with self.database.connection() as connection:
            check = await SetupStore(connection).begin_check(
                owner.id, sample.digest, now=self.clock.now()
            )
        try:
            found = await self._ask(record, owner, check, sample)
        finally:
            await self._remove(check, owner, sample.digest)
        async with self.database.transaction() as connection:
            store = SetupStore(connection)
            await store.keep_result(check, found)
            await store.forget_checks(check)
        await self.setup.finish(owner, Step.CHECK)
        return f"{found['address']} answers with a citation. The test document is removed."

    async def latest(self) -> dict[str, Any] | None:
        """Return what the newest check found that succeeded."""
        async with self.database.connection() as connection:
            return await SetupStore(connection).latest_check()

    async def remove_leftovers(self, before: datetime | None = None) -> int:
        """Remove what checks left behind that a crash ended; return how many there were.

        No check may run that began earlier than `before`, which is now if it is not given.
        """
        async with self.database.connection() as connection:
            found = await SetupStore(connection).leftovers(before or self.clock.now())
        for leftover in found:
            with contextlib.suppress(PersonUnknownError):
                owner = await self.people.by_id(leftover.account_id)
                await self._remove(leftover.id, owner, leftover.digest)
        return len(found)

    async def _ask(
        self, record: JobRecord, owner: Account, check: UUID, sample: Sample
    ) -> dict[str, Any]:
        began = self.clock.monotonic()
        scopes = (Scope.DOCUMENTS, Scope.CHAT)
        _, key = await self.api_keys.create(owner, owner, _key_name(check), scopes, days=1)
        async with self.open_front() as client:
            visitor = Visitor(client, key.text, self.clock)
            await record.progress("A test document is added.", 0, _STAGES, log=True)
            document = await visitor.add(sample)
            await record.progress("It is read.", 1, _STAGES, log=True)
            await visitor.wait_until_read(document)
            await record.progress("A question about it is asked.", 2, _STAGES, log=True)
            answer = await visitor.ask(sample, document)
            await record.progress("The answer cites it. It is removed.", 3, _STAGES, log=True)
            return {
                "address": str(client.base_url),
                "question": sample.question,
                "seconds": round(self.clock.monotonic() - began, 1),
                **asdict(answer),
            }

    async def _owner(self, requested_by: str) -> Account:
        with contextlib.suppress(PersonUnknownError):
            return await self.people.by_name(requested_by)
        return await self.people.named_or_only_operator(None)

    async def _remove(self, check: UUID, owner: Account, digest: str) -> None:
        """Remove the key and the document of a check, through no web server: it may be down."""
        for key in await self.api_keys.mine(owner):
            if key.name == _key_name(check):
                with contextlib.suppress(NotFoundError):
                    await self.api_keys.revoke(owner, owner, key.id)
        if (document := await self.library.own_with_content(owner, digest)) is not None:
            with contextlib.suppress(NotFoundError):
                await self.library.delete(owner, document)
        async with self.database.connection() as connection:
            await SetupStore(connection).mark_removed(check, now=self.clock.now())


def _key_name(check: UUID) -> str:
    return f"set-up check {check}"
