"""Certificates from an authority, as operators manage them: set up, look, renew, switch off."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import SystemRandom
from types import MappingProxyType

from appliance.acme.entry import binding_from, plan_from
from appliance.acme.errors import (
    AcmeOffError,
    NoNameError,
    NoNameValidError,
    RateLimitedError,
    ServerSilentError,
)
from appliance.acme.model import AcmePlan, AcmeState, Binding, Certificates, DirectoryFacts
from appliance.acme.plan import Due, Ordered, names_of, pause_after, succeeded, what_is_due
from appliance.acme.records import AcmeRecords
from appliance.acme.run import AcmeRun, account_request
from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import AuditLog
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError, Audience
from appliance.core.settings import Settings
from appliance.operations.catalog import ACME
from appliance.operations.errors import OperationCancelledError, OperationError
from appliance.operations.model import Facts
from appliance.operations.runner import Follower, NoFollower, OperationRunner
from appliance.tls.errors import NoTlsError

# A person waits for the answer of the authority.
PATIENCE_SECONDS = 60
_NO_DETAIL: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AcmeStatus:
    """What is set up, how it went, and what comes next. `due` is why a run is due now."""

    plan: AcmePlan | None
    state: AcmeState
    wanted: tuple[str, ...] = ()
    due: Due | None = None


@dataclass(frozen=True, slots=True)
class AcmeService:
    """Gets certificates, for actors with Permission.CHANGE_SETTINGS.

    Each method that has an actor raises ForbiddenError.
    """

    settings: Settings
    records: AcmeRecords
    operations: OperationRunner
    certificates: Certificates
    audit: AuditLog
    clock: Clock

    async def status(self) -> AcmeStatus:
        """Return what is known; nothing is asked but files."""
        plan, state = await asyncio.to_thread(lambda: (self.records.plan(), self.records.state()))
        if plan is None:
            return AcmeStatus(None, state)
        wanted = self.wanted(plan)
        return AcmeStatus(plan, state, wanted, what_is_due(state, wanted, self.clock.now()))

    def wanted(self, plan: AcmePlan) -> tuple[str, ...]:
        """Return the names that a certificate is wanted for."""
        return names_of(plan, (self.settings.host, *self.settings.host_names))

    async def look(self, actor: Actor, typed: Mapping[str, str]) -> DirectoryFacts:
        """Return what an authority says about itself, before it is set up."""
        actor.require(Permission.CHANGE_SETTINGS)
        plan = plan_from({name: typed.get(name, "") for name in ("directory", "root")})
        found = await self._ask({**account_request(plan, plan.directory), "work": "look"})
        return DirectoryFacts(
            terms=str(found.get("terms", "")),
            website=str(found.get("website", "")),
            needs_binding=found.get("needs_binding") is True,
        )

    async def use(self, actor: Actor, typed: Mapping[str, str]) -> AcmePlan:
        """Set ACME up, once the authority has made an account; the first run is due then.

        `terms` must be the address that the authority shows. The secret of a binding is used here
        and kept nowhere. Raises AcmeInvalidError, NoNameError, and OperationError with what the
        authority says; then nothing is changed. Raises NoTlsError where people connect without TLS.
        """
        actor.require(Permission.CHANGE_SETTINGS)
        if not self.settings.https:
            raise NoTlsError
        plan, binding = plan_from(typed), binding_from(typed)
        if not self.wanted(plan):
            raise NoNameError
        before = await asyncio.to_thread(self.records.plan)
        request = {**account_request(plan, plan.directory), "work": "register"}
        await self._ask({**request, "binding": _binding(binding)})
        detail = {"directory": plan.directory, "challenge": str(plan.challenge)}
        await self.audit.note(actor, _event(Action.ACME_USE, detail))
        await asyncio.to_thread(self._keep, plan, before)
        return plan

    async def off(self, actor: Actor) -> None:
        """Renew no more, and forget the accounts; the certificate in use stays until it ends.

        Raises AcmeOffError.
        """
        actor.require(Permission.CHANGE_SETTINGS)
        if await asyncio.to_thread(self.records.plan) is None:
            raise AcmeOffError
        await self.audit.note(actor, _event(Action.ACME_OFF))
        await self._ask({"work": "forget"})
        await asyncio.to_thread(self.records.forget)

    async def renew(self, follower: Follower, *, forced: bool) -> Ordered | None:
        """Make the run that is due; with `forced` one in any case. Return None where none is due.

        How it ended is kept, also when it failed. Raises AcmeOffError and what concerns the run as
        a whole.
        """
        now = await self.status()
        if now.plan is None:
            raise AcmeOffError
        if now.due is None and not forced:
            return None
        began = self.clock.now()
        run = AcmeRun(self.operations, self.certificates, follower, now.plan, now.state, now.due)
        try:
            ordered = await run.order(now.wanted)
        except OperationCancelledError:
            raise
        except ApplianceError as error:
            await self._keep_failure(now, began, error)
            raise
        except Exception:
            await self._keep_failure(now, began, ApplianceError())
            raise
        state = succeeded(now.plan, now.state, now.wanted, ordered, began, _share())
        await asyncio.to_thread(self.records.keep_state, state)
        return ordered

    async def _keep_failure(self, now: AcmeStatus, at: datetime, error: ApplianceError) -> None:
        words, failures = error.words_for(Audience.OPERATOR), now.state.failures + 1
        asked = timedelta(seconds=_asked_wait(error))
        failed = error.failed if isinstance(error, NoNameValidError) else ()
        state = replace(
            now.state,
            tried_at=at,
            wanted=now.wanted,
            failed=failed or now.state.failed,
            failures=failures,
            next_try_at=self.clock.now() + pause_after(failures, _share(), asked),
            error=_code_of(error),
            message=words.sentence,
            hint=words.hint,
            rehearsed="" if failed else now.state.rehearsed,
        )
        await asyncio.to_thread(self.records.keep_state, state)

    def _keep(self, plan: AcmePlan, before: AcmePlan | None) -> None:
        """Keep a plan; runs for another certificate say nothing about it."""
        state = AcmeState()
        if before is not None and _certificate_of(before) == _certificate_of(plan):
            state = replace(
                self.records.state(), next_try_at=None, error="", message="", hint="", new_terms=""
            )
        self.records.keep_plan(plan)
        self.records.keep_state(state)

    async def _ask(self, request: Facts) -> Facts:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self.operations.run(ACME, request, NoFollower())
        except TimeoutError as error:
            place = str(request.get("directory", ""))
            raise ServerSilentError(place=place, seconds=PATIENCE_SECONDS) from error


def _event(action: Action, detail: Mapping[str, str] = _NO_DETAIL) -> AuditEvent:
    return AuditEvent(action, ObjectType.CERTIFICATE, detail=detail)


def _certificate_of(plan: AcmePlan) -> tuple[object, ...]:
    return (plan.directory, plan.challenge, plan.names, plan.hook)


def _binding(binding: Binding | None) -> Facts | None:
    return {"key_id": binding.key_id, "secret": binding.secret} if binding else None


def _share() -> float:
    return SystemRandom().random()


def _code_of(error: ApplianceError) -> str:
    return error.result.code if isinstance(error, OperationError) else error.code


def _asked_wait(error: ApplianceError) -> float:
    """Return for how many seconds the authority wants to see no request."""
    if not isinstance(error, OperationError) or error.result.code != RateLimitedError.code:
        return 0
    seconds = error.result.facts.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0
