"""Show and change the certificate of the web server; each change can be rolled back.

A change that an operator makes is on trial: it is undone unless a browser reaches the machine again
and confirms it. What the machine renews by itself is compared with what Nginx serves, and undone
where Nginx does not serve it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from appliance.actors.model import Actor, System
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import AuditLog
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.python import written
from appliance.core.settings import Settings
from appliance.operations.model import Facts
from appliance.tls.addresses import names_of, read_network
from appliance.tls.due import is_due
from appliance.tls.errors import (
    CertificateRefusedError,
    NoTlsError,
    NotServedError,
)
from appliance.tls.folder import Purpose
from appliance.tls.model import Finding, KeyKind, Origin, Problem, facts_of
from appliance.tls.names import all_canonical
from appliance.tls.operation import Task
from appliance.tls.published import Published, read_published
from appliance.tls.renewal import forget_failure, note_failure
from appliance.tls.upload import Upload
from appliance.tls.web_server import WebServer
from appliance.tls.words import advice_of, sentence_of
from appliance.trial.model import Facts as TrialFacts
from appliance.trial.model import Trial, TrialKind
from appliance.trial.service import Trials

logger = logging.getLogger(__name__)

Ask = Callable[[Facts], Awaitable[Facts]]
"""Has the operation `tls` carry out a request. Raises what the operation says."""

# The fingerprint to which the undoing of a change returns.
_BEFORE = "before"


@dataclass(frozen=True, slots=True)
class Checked:
    """What an upload is, with its issuers as PEM, and what was found."""

    certificate: bytes
    findings: tuple[Finding, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Whether no finding forbids it."""
        return not any(finding.is_error for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a change: what was found, whether it is served, and its trial."""

    changed: bool
    findings: tuple[Finding, ...] = ()
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class Certificates:
    """Changes the certificate, for actors with Permission.CHANGE_SETTINGS.

    Each change raises ForbiddenError, NoTlsError, TrialRunningError while another one is on trial,
    NotServedError, and what the operation `tls` says.
    """

    settings: Settings
    clock: Clock
    ask: Ask
    web_server: WebServer
    trials: Trials
    audit: AuditLog
    # Jobs, people and programs ask at the same time; the operation does one thing at a time.
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    # From what was served before a change until Nginx serves what came of it.
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def published(self) -> Published:
        """Return what is served, what was, and what waits; no key is among it."""
        return await asyncio.to_thread(read_published, self.settings.certificates)

    async def names(self) -> tuple[str, ...]:
        """Return the names and addresses under which other computers may reach this machine."""
        return names_of(self.settings, await asyncio.to_thread(read_network))

    def default_names(self) -> tuple[str, ...]:
        """Return the host names in use, which a certificate of another authority should have."""
        return all_canonical((self.settings.host, *self.settings.host_names))

    def on_trial(self) -> Trial | None:
        """Return the trial of a certificate that is on."""
        trial = self.trials.current()
        return trial if trial is not None and trial.kind is TrialKind.CERTIFICATE else None

    async def served(self) -> str | None:
        """Return the fingerprint of what Nginx serves at this moment."""
        return await self.web_server.served()

    async def check(self, actor: Actor, upload: Upload) -> Checked:
        """Judge a certificate with its key, and change nothing."""
        self._require(actor)
        return _checked(await self._ask(Task.CHECK, upload.as_request()))

    async def check_answer(self, actor: Actor, upload: Upload) -> Checked:
        """Judge the certificate that answers the operator's request, and change nothing."""
        self._require(actor)
        request = {**upload.as_request(), "purpose": Purpose.OPERATOR}
        return _checked(await self._ask(Task.CHECK, request))

    async def use(self, actor: Actor, upload: Upload) -> Change:
        """Serve a certificate that a person uploaded, on trial, unless a finding forbids it."""
        request = {**upload.as_request(), "origin": Origin.UPLOADED}
        return await self._change(actor, Action.CERTIFICATE_USE, Task.USE, request)

    async def answer(self, actor: Actor, upload: Upload) -> Change:
        """Serve the certificate that answers the operator's request, on trial."""
        request = {
            **upload.as_request(),
            "origin": Origin.REQUESTED,
            "purpose": Purpose.OPERATOR,
        }
        return await self._change(actor, Action.CERTIFICATE_USE, Task.USE, request)

    async def use_own(self, actor: Actor) -> Change:
        """Serve a new certificate of the machine's own authority, on trial."""
        return await self._change(actor, Action.CERTIFICATE_USE, Task.OWN, {})

    async def roll_back(self, actor: Actor) -> Change:
        """Undo the change on trial; without one, serve the previous certificate, on trial."""
        if self.on_trial() is None:
            return await self._change(actor, Action.CERTIFICATE_ROLL_BACK, Task.ROLL_BACK, {})
        self._require(actor)
        await self.audit.note(actor, _event(Action.CERTIFICATE_ROLL_BACK))
        await self.trials.undo_now()
        return Change(changed=True)

    async def confirm(self, actor: Actor) -> Trial | None:
        """Keep the certificate on trial; None where none is. Raises TrialOverError."""
        self._require(actor)
        trial = self.on_trial()
        return await self.trials.confirm(trial.token) if trial else None

    async def request(
        self, actor: Actor, kind: KeyKind, names: Sequence[str], organisation: str = ""
    ) -> bytes:
        """Make a key on the machine, and return the request to certify it, as PEM."""
        self._require(actor)
        await self.audit.note(actor, _event(Action.CERTIFICATE_REQUEST))
        asked = {"kind": kind, "organisation": organisation, "purpose": Purpose.OPERATOR}
        found = await self._ask(Task.REQUEST, {**asked, "names": list(names)})
        return str(found["request"]).encode()

    async def csr(self, names: Sequence[str]) -> bytes:
        """Return a request for the ACME client, with a key of its own that waits."""
        asked = {"kind": KeyKind.ECDSA_P256, "purpose": Purpose.ACME, "names": list(names)}
        return str((await self._ask(Task.REQUEST, asked))["request"]).encode()

    async def install(self, chain: bytes, origin: Origin) -> None:
        """Serve the answer to the request of `csr`, without a trial: no person would confirm it.

        Raises CertificateRefusedError where a finding forbids it.
        """
        upload = Upload(chain)
        request = {**upload.as_request(), "origin": origin, "purpose": Purpose.ACME}
        async with self._between_trials():
            before = await self._before()
            found = await self._ask(Task.USE, request)
            for finding in _findings(found):
                if finding.is_error:
                    raise CertificateRefusedError(
                        problem=sentence_of(finding), remedy=advice_of(finding)
                    )
            await self._take_over(before)

    async def is_due(self) -> bool:
        """Say whether `ensure` would make a certificate of the machine's own authority."""
        published, now = await self.published(), self.clock.now()
        if now < await asyncio.to_thread(written) and published.served is not None:
            return False
        return is_due(published.served, published.authority, await self.names(), now)

    async def ensure(self) -> bool:
        """Renew the machine's own certificate if it is due; say whether there is another one.

        A failure is remembered, for the checks of the machine, until it works again.
        """
        try:
            async with self._between_trials():
                before = await self._before()
                found = await self._ask(Task.ENSURE, {})
                if found["changed"]:
                    await self._take_over(before)
        except ApplianceError as error:
            await asyncio.to_thread(note_failure, self.settings.state, error, self.clock.now())
            raise
        await asyncio.to_thread(forget_failure, self.settings.state)
        return bool(found["changed"])

    async def undo(self, facts: TrialFacts) -> None:
        """Return to the certificate before a change on trial; Trials calls it."""
        before = facts[_BEFORE]
        found = await self._ask(Task.ROLL_BACK, {"to": before})
        if found["changed"]:
            await self.audit.note(System(), _event(Action.CERTIFICATE_ROLL_BACK))
        # Nginx may serve the other one still, where a crash came between two steps.
        await self.web_server.take_over(before, System.phrase)

    async def _change(self, actor: Actor, action: Action, task: Task, asked: Facts) -> Change:
        """Carry out one change, on trial where there was a certificate before."""
        self._require(actor)
        async with self._changing:
            return await self._change_alone(actor, action, task, asked)

    async def _change_alone(self, actor: Actor, action: Action, task: Task, asked: Facts) -> Change:
        before = await self._before()
        trial = None
        if before is not None:
            trial = await self.trials.begin(TrialKind.CERTIFICATE, {_BEFORE: before})
        try:
            await self.audit.note(actor, _event(action))
            found = await self._ask(task, asked)
            if found["changed"]:
                await self._take_over(before)
                return Change(changed=True, findings=_findings(found), trial=trial)
        except BaseException:
            await self._end(trial)
            raise
        await self._end(trial)
        return Change(changed=False, findings=_findings(found))

    @asynccontextmanager
    async def _between_trials(self) -> AsyncIterator[None]:
        """Keep others from changing anything, once no change is on trial.

        The undoing of a change must find what was served before it.
        """
        while True:
            await self.trials.wait_until_over()
            async with self._changing:
                if self.trials.current() is None:
                    yield
                    return

    async def _end(self, trial: Trial | None) -> None:
        """End a trial of a change that was not made; what fails now is tried again by Trials."""
        if trial is not None:
            try:
                await self.trials.undo_now()
            except ApplianceError as error:
                logger.warning("a certificate on trial is not undone yet: %s", error)

    async def _take_over(self, before: str | None) -> None:
        """Let Nginx serve what is kept now. Raises NotServedError after it has been undone."""
        fingerprint = await self._before()
        if fingerprint is None or await self.web_server.take_over(fingerprint, System.phrase):
            return
        logger.error("Nginx does not serve the certificate %s", fingerprint)
        if before is not None:
            await self.undo({_BEFORE: before})
        raise NotServedError

    async def _before(self) -> str | None:
        """Return the fingerprint of the certificate that is kept now."""
        served = (await self.published()).served
        return facts_of(served.pair.certificate).fingerprint if served else None

    async def _ask(self, task: Task, asked: Facts) -> Facts:
        if not self.settings.https:
            raise NoTlsError
        names = asked.get("names") or await self._names_for(task)
        async with self._asking:
            return await self.ask({**asked, "work": task, "names": names})

    async def _names_for(self, task: Task) -> list[str]:
        """Return the names that a certificate has to have: another authority's, those in use."""
        if task in {Task.CHECK, Task.USE}:
            return list(self.default_names())
        return list(await self.names())

    def _require(self, actor: Actor) -> None:
        actor.require(Permission.CHANGE_SETTINGS)


def _event(action: Action) -> AuditEvent:
    return AuditEvent(action, ObjectType.CERTIFICATE)


def _checked(found: Facts) -> Checked:
    return Checked(str(found["certificate"]).encode(), _findings(found))


def _findings(found: Facts) -> tuple[Finding, ...]:
    listed: Any = found.get("findings", ())
    return tuple(Finding(Problem(each["problem"]), each["facts"]) for each in listed)
