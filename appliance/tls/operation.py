"""The operation `tls`: the only process that makes, reads and writes private keys of the machine.

A request names its `work`; what a person uploaded comes as base64.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError
from appliance.core.files import os_errors_as, private_directory
from appliance.core.python import written
from appliance.core.settings import Settings
from appliance.operations.model import Facts
from appliance.operations.work import Reporter, Work
from appliance.tls import certificate as read
from appliance.tls.authority import is_authority_due, make_authority, make_leaf
from appliance.tls.due import is_due
from appliance.tls.errors import (
    FolderUnusableError,
    NoPreviousError,
    NothingWaitsError,
    UnknownWorkError,
)
from appliance.tls.findings import ANY_TIME, check
from appliance.tls.folder import AuthorityFolder, CertificateFolder, Purpose, Stored, Waiting
from appliance.tls.former import is_former
from appliance.tls.judge import require_usable
from appliance.tls.key import load_key
from appliance.tls.material import read_material
from appliance.tls.model import Finding, KeyKind, Origin, Pair, facts_of
from appliance.tls.published import publish, read_published
from appliance.tls.request import make_csr, make_key
from appliance.units.programs import find_nginx


class Task(StrEnum):
    """What the operation is asked for.

    ENSURE makes a certificate of the machine's own authority where one is due; OWN makes one in any
    case. CHECK and USE judge another one, and USE serves it where nothing forbids that. REQUEST
    makes a key and a request. ROLL_BACK serves the previous one again.
    """

    ENSURE = "ensure"
    OWN = "own"
    CHECK = "check"
    USE = "use"
    REQUEST = "request"
    ROLL_BACK = "roll back"


@dataclass(frozen=True, slots=True)
class _Judged:
    """A certificate with everything that was found; `usable` is None where that forbids its use."""

    findings: tuple[Finding, ...]
    pem: bytes
    usable: Stored | None


@dataclass(frozen=True, slots=True)
class CertificateWork:
    """Carries out one request. `nginx` judges each certificate; None where it is not installed.

    A clock that is before `earliest` judges no dates: a machine with an empty battery wakes up
    years ago, and people have compared the fingerprint of what it serves.
    """

    certificates: CertificateFolder
    authority: AuthorityFolder
    published: Path
    clock: Clock
    nginx: Path | None
    earliest: datetime = ANY_TIME

    async def carry_out(self, request: Facts, _: Reporter) -> Facts:
        """Do the work that the request names, and publish what is kept then.

        Raises UnknownWorkError, FolderUnusableError, and what the work raises.
        """
        works: Mapping[object, Callable[[Facts], Awaitable[Facts]]] = {
            Task.ENSURE: self.ensure,
            Task.OWN: self.make_own,
            Task.CHECK: self.check,
            Task.USE: self.use,
            Task.REQUEST: self.request,
            Task.ROLL_BACK: self.roll_back,
        }
        work = works.get(request.get("work"))
        if work is None:
            raise UnknownWorkError(work=request.get("work"))
        with os_errors_as(FolderUnusableError, self.certificates.path):
            await asyncio.to_thread(self.certificates.discard_proposed)
            try:
                return await work(request)
            finally:
                await asyncio.to_thread(self._publish)

    async def ensure(self, request: Facts) -> Facts:
        """Take over what an earlier version or a restore left, then make what is due."""
        is_news = await self._take_over() or self._is_unpublished()
        own, served, now = self.authority.read(), self.certificates.served(), self.clock.now()
        root = own.certificate if own else None
        knows_time = now >= self.earliest or served is None
        if knows_time and is_due(served, root, _names(request), now):
            return await self.make_own(request)
        return {"changed": is_news}

    async def make_own(self, request: Facts) -> Facts:
        """Serve a new certificate of the machine's own authority, which is made if need be."""
        names, now = _names(request), self.clock.now()
        authority = self.authority.read()
        if authority is None or is_authority_due(authority.certificate, names, now):
            authority = make_authority(names, now)
            await asyncio.to_thread(self.authority.write, authority)
        await self._serve(Stored(Origin.OWN_AUTHORITY, make_leaf(authority, names, now)))
        return {"changed": True}

    async def check(self, request: Facts) -> Facts:
        """Judge a certificate, and change nothing. Raises MaterialError."""
        judged = await asyncio.to_thread(self._judge, request)
        if judged.usable is not None:
            await self._require_usable(judged.usable)
            await asyncio.to_thread(self.certificates.discard_proposed)
        return {"changed": False, "certificate": judged.pem.decode(), **_as_json(judged)}

    async def use(self, request: Facts) -> Facts:
        """Serve a certificate unless something forbids it. Raises MaterialError."""
        judged = await asyncio.to_thread(self._judge, request)
        if judged.usable is None:
            return {"changed": False, **_as_json(judged)}
        await self._serve(judged.usable)
        if (purpose := _purpose(request)) is not None:
            await asyncio.to_thread(self.certificates.forget_waiting, purpose)
        return {"changed": True, **_as_json(judged)}

    async def request(self, request: Facts) -> Facts:
        """Make a key, and return the request to certify it. Raises MaterialError."""
        kind = KeyKind(str(request.get("kind", KeyKind.ECDSA_P256)))
        key = await asyncio.to_thread(make_key, kind)
        csr = make_csr(key, _names(request), str(request.get("organisation", "")))
        purpose = _purpose(request) or Purpose.OPERATOR
        await asyncio.to_thread(self.certificates.keep_waiting, purpose, Waiting(csr, key))
        return {"request": csr.decode()}

    async def roll_back(self, request: Facts) -> Facts:
        """Serve the previous certificate again, unless `to` is served already.

        `to` is the fingerprint of the certificate to return to, where the asker knows it. Raises
        NoPreviousError.
        """
        served, previous = self.certificates.served(), self.certificates.previous()
        wanted = request.get("to")
        if wanted and served and facts_of(served.pair.certificate).fingerprint == wanted:
            return {"changed": False}
        if previous is None or (
            wanted and facts_of(previous.pair.certificate).fingerprint != wanted
        ):
            raise NoPreviousError
        await asyncio.to_thread(self.certificates.roll_back)
        return {"changed": True}

    async def _take_over(self) -> bool:
        """Serve the two files of an earlier version, if they belong together."""
        former = self.certificates.former()
        if former is None or not _belongs_together(former):
            return False
        origin = Origin.OWN_AUTHORITY if is_former(former.certificate) else Origin.UPLOADED
        served = self.certificates.served()
        is_new = served is None or served.pair.certificate != former.certificate
        if is_new:
            await self._serve(Stored(origin, former))
        await asyncio.to_thread(self.certificates.forget_former)
        return is_new

    def _is_unpublished(self) -> bool:
        """Say whether root has put another certificate in place, from a backup for example."""
        served, published = self.certificates.served(), read_published(self.published).served
        return served is not None and (published is None or published.public != served.public)

    def _judge(self, request: Facts) -> _Judged:
        """Read and check what a person uploaded."""
        purpose = _purpose(request)
        key = self._waiting(purpose).key if purpose else _decoded(request, "key")
        password = str(request["password"]) if request.get("password") else None
        material = read_material(_decoded(request, "material") or b"", password=password, key=key)
        names = _texts(request, "names")
        found = check(material, names=names, now=self.clock.now(), earliest=self.earliest)
        if material.key is None or any(finding.is_error for finding in found):
            return _Judged(found, material.pem, None)
        origin = Origin(str(request.get("origin", Origin.UPLOADED)))
        return _Judged(found, material.pem, Stored(origin, Pair(material.pem, material.key)))

    def _waiting(self, purpose: Purpose) -> Waiting:
        found = self.certificates.waiting(purpose)
        if found is None:
            raise NothingWaitsError
        return found

    async def _serve(self, new: Stored) -> None:
        await self._require_usable(new)
        await asyncio.to_thread(self.certificates.take_proposed)

    async def _require_usable(self, new: Stored) -> None:
        path = await asyncio.to_thread(self.certificates.propose, new)
        if self.nginx is not None:
            await require_usable(self.nginx, path)

    def _publish(self) -> None:
        self.certificates.discard_proposed()
        publish(self.certificates, self.authority, self.published)


def work_of(settings: Settings, clock: Clock) -> Work:
    """Return the work of this operation. In a clone it makes its folders."""
    folders = (settings.tls, settings.authority, settings.certificates)
    if not settings.packaged:
        for folder in folders:
            private_directory(folder)
    certificates, authority = CertificateFolder(settings.tls), AuthorityFolder(settings.authority)

    async def work(request: Facts, report: Reporter) -> Facts:
        nginx = await find_nginx(settings)
        earliest = await asyncio.to_thread(written)
        tasks = CertificateWork(
            certificates, authority, settings.certificates, clock, nginx, earliest
        )
        return await tasks.carry_out(request, report)

    return work


def _belongs_together(pair: Pair) -> bool:
    try:
        public = read.public_key_of(read.load(pair.certificate))
        key = load_key(pair.key).public_key()
    except (ValueError, ApplianceError):
        return False
    return public is not None and read.public_bytes(key) == read.public_bytes(public)


def _as_json(judged: _Judged) -> Facts:
    found = [{"problem": each.problem, "facts": dict(each.facts)} for each in judged.findings]
    return {"findings": found}


def _names(request: Facts) -> list[str]:
    return _texts(request, "names") or ["localhost"]


def _texts(request: Facts, name: str) -> list[str]:
    found = request.get(name)
    return [str(each) for each in found] if isinstance(found, list) else []


def _purpose(request: Facts) -> Purpose | None:
    """Return whose waiting key a certificate answers; None where it comes with its own key."""
    return Purpose(str(request["purpose"])) if request.get("purpose") else None


def _decoded(request: Facts, name: str) -> bytes | None:
    found = request.get(name)
    return base64.b64decode(found) if isinstance(found, str) and found else None
