"""The operation `tls`: what it makes, keeps, refuses and takes over. Nginx judges elsewhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from appliance.core.errors import ApplianceError
from appliance.operations.folder import OperationFolder
from appliance.operations.work import Reporter
from appliance.tls.authority import LEAF_LASTS
from appliance.tls.errors import (
    DerError,
    FolderUnusableError,
    KeyEncryptedError,
    NginxRefusesError,
    NoPreviousError,
    NothingWaitsError,
    UnknownWorkError,
)
from appliance.tls.folder import AuthorityFolder, CertificateFolder, Purpose, Stored
from appliance.tls.model import CertificateFacts, Origin, Problem, facts_of
from appliance.tls.operation import CertificateWork, Task
from appliance.tls.published import read_published
from tests.builders.certificates import HOST, Issued, authority, certificate, chained
from tests.builders.served_certificates import former_pair
from tests.fakes.clock import START, FakeClock

NAMES = [HOST, "10.0.0.7"]
REFUSES = "#!/bin/sh\necho 'nginx: [emerg] no such curve' >&2\nexit 1\n"


@dataclass
class Machine:
    """The work of the operation, its folders and its clock."""

    work: CertificateWork
    clock: FakeClock

    async def ask(self, task: object, **request: object) -> Mapping[str, Any]:
        folder = OperationFolder(self.work.published)
        asked = {"work": task, "names": NAMES, **request}
        # What travels is JSON.
        found = await self.work.carry_out(
            json.loads(json.dumps(asked)), Reporter(folder, self.clock)
        )
        return json.loads(json.dumps(found))  # type: ignore[no-any-return]

    async def use(self, issued: Issued, **request: object) -> Mapping[str, Any]:
        key = base64.b64encode(issued.key_pem).decode()
        return await self.ask(Task.USE, **{**material(issued.chain_pem), "key": key, **request})

    @property
    def served(self) -> Stored:
        found = self.work.certificates.served()
        assert found is not None
        return found

    @property
    def facts(self) -> CertificateFacts:
        return facts_of(self.served.pair.certificate)


def material(content: bytes) -> dict[str, str]:
    return {"material": base64.b64encode(content).decode()}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    folders = [tmp_path / name for name in ("tls", "authority", "certificates")]
    for folder in folders:
        folder.mkdir()
    clock = FakeClock()
    own = AuthorityFolder(folders[1])
    return Machine(
        CertificateWork(CertificateFolder(folders[0]), own, folders[2], clock, None), clock
    )


def problems(found: Mapping[str, Any]) -> set[Problem]:
    return {Problem(each["problem"]) for each in found["findings"]}


async def test_the_first_certificate_is_for_every_name_and_of_the_machines_authority(
    machine: Machine,
) -> None:
    assert (await machine.ask(Task.ENSURE))["changed"]
    assert machine.served.origin is Origin.OWN_AUTHORITY
    assert set(machine.facts.names) >= set(NAMES)
    published = read_published(machine.work.published)
    assert published.authority is not None
    root = x509.load_pem_x509_certificate(published.authority)
    leaf = x509.load_pem_x509_certificate(machine.served.pair.certificate)
    leaf.verify_directly_issued_by(root)
    assert published.served is not None
    assert published.served.pair.key == b""
    assert not (await machine.ask(Task.ENSURE))["changed"]


async def test_it_is_renewed_by_the_same_authority_before_it_ends(machine: Machine) -> None:
    await machine.ask(Task.ENSURE)
    first, root = machine.facts, read_published(machine.work.published).authority
    machine.clock.advance((LEAF_LASTS / 2).total_seconds())
    assert not (await machine.ask(Task.ENSURE))["changed"]
    machine.clock.advance((LEAF_LASTS / 4).total_seconds())
    assert (await machine.ask(Task.ENSURE))["changed"]
    assert machine.facts.not_after > first.not_after
    assert read_published(machine.work.published).authority == root


async def test_another_address_gives_another_certificate_of_the_same_authority(
    machine: Machine,
) -> None:
    await machine.ask(Task.ENSURE)
    root = read_published(machine.work.published).authority
    assert (await machine.ask(Task.ENSURE, names=[HOST, "10.0.0.8"]))["changed"]
    assert "10.0.0.8" in machine.facts.names
    assert "10.0.0.7" not in machine.facts.names
    assert read_published(machine.work.published).authority == root


async def test_a_clock_that_must_be_wrong_renews_nothing(machine: Machine) -> None:
    work = machine.work
    machine.work = CertificateWork(
        work.certificates, work.authority, work.published, machine.clock, None, START
    )
    await machine.ask(Task.ENSURE)
    before = machine.served
    machine.clock.advance(-timedelta(days=900).total_seconds())
    await machine.ask(Task.ENSURE)
    assert machine.served == before


async def test_one_of_another_authority_is_never_renewed(machine: Machine) -> None:
    await machine.ask(Task.ENSURE)
    await machine.use(chained())
    before = machine.served
    assert before.origin is Origin.UPLOADED
    machine.clock.advance(timedelta(days=1000).total_seconds())
    assert not (await machine.ask(Task.ENSURE, names=["other.example"]))["changed"]
    assert machine.served == before
    assert (await machine.ask(Task.OWN))["changed"]
    assert machine.served.origin is Origin.OWN_AUTHORITY


async def test_a_certificate_is_judged_without_a_change(machine: Machine) -> None:
    await machine.ask(Task.ENSURE)
    before = machine.served
    good = chained()
    found = await machine.ask(
        Task.CHECK, **material(good.chain_pem), key=base64.b64encode(good.key_pem).decode()
    )
    assert not found["changed"]
    assert machine.served == before
    assert not (machine.work.certificates.path / "candidate.pem").exists()


@pytest.mark.parametrize(
    ("issued", "problem"),
    [
        (chained(starts=START - timedelta(days=100)), Problem.EXPIRED),
        (chained(starts=START + timedelta(days=5)), Problem.NOT_YET_VALID),
        (authority(), Problem.IS_AUTHORITY),
        (certificate(names=("other.example",)), Problem.NO_NAME_COVERED),
    ],
)
async def test_an_error_forbids_the_change(
    machine: Machine, issued: Issued, problem: Problem
) -> None:
    await machine.ask(Task.ENSURE)
    before = machine.served
    found = await machine.use(issued)
    assert problem in problems(found)
    assert not found["changed"]
    assert machine.served == before
    assert machine.work.certificates.previous() is None


async def test_a_key_of_another_certificate_and_no_key_forbid_it(machine: Machine) -> None:
    await machine.ask(Task.ENSURE)
    before = machine.served
    other = base64.b64encode(chained().key_pem).decode()
    assert Problem.KEY_MISMATCH in problems(await machine.use(chained(), key=other))
    assert Problem.KEY_MISSING in problems(await machine.use(chained(), key=""))
    assert machine.served == before


async def test_a_warning_forbids_nothing(machine: Machine) -> None:
    found = await machine.use(certificate())
    assert Problem.SELF_SIGNED in problems(found)
    assert found["changed"]
    assert machine.served.origin is Origin.UPLOADED


async def test_what_is_no_certificate_is_named(machine: Machine) -> None:
    await machine.ask(Task.ENSURE)
    before = machine.served
    issued = chained()
    der = x509.load_pem_x509_certificate(issued.pem)
    with pytest.raises(DerError):
        await machine.ask(Task.USE, **material(der.public_bytes(Encoding.DER)))
    locked = base64.b64encode(issued.encrypted_key("secret")).decode()
    with pytest.raises(KeyEncryptedError):
        await machine.use(issued, key=locked)
    assert (await machine.use(issued, key=locked, password="secret"))["changed"]
    assert b"ENCRYPTED" not in machine.served.content
    machine.work.certificates.roll_back()
    assert machine.served == before


async def test_what_nginx_refuses_is_not_served(machine: Machine, tmp_path: Path) -> None:
    await machine.ask(Task.ENSURE)
    before = machine.served
    program = tmp_path / "nginx"
    program.write_text(REFUSES)
    program.chmod(0o755)
    work = machine.work
    machine.work = CertificateWork(
        work.certificates, work.authority, work.published, machine.clock, program
    )
    with pytest.raises(NginxRefusesError, match="no such curve"):
        await machine.use(chained())
    assert machine.served == before
    assert not (work.certificates.path / "candidate.pem").exists()


async def test_requests_of_both_kinds_wait_side_by_side(machine: Machine) -> None:
    with pytest.raises(NothingWaitsError):
        await machine.ask(Task.USE, **material(chained().chain_pem), purpose=Purpose.OPERATOR)
    own = (await machine.ask(Task.REQUEST, kind="rsa-3072", purpose=Purpose.OPERATOR))["request"]
    acme = (await machine.ask(Task.REQUEST, purpose=Purpose.ACME))["request"]
    assert own != acme
    requests = read_published(machine.work.published).requests
    assert {name: found.decode() for name, found in requests.items()} == {
        Purpose.OPERATOR: own,
        Purpose.ACME: acme,
    }
    # A certificate that answers neither of them forbids itself, and both keys go on waiting.
    found = await machine.ask(
        Task.USE, **material(chained().chain_pem), purpose=Purpose.ACME, origin=Origin.ACME
    )
    assert Problem.KEY_MISMATCH in problems(found)
    assert set(read_published(machine.work.published).requests) == set(Purpose)


async def test_a_roll_back_returns_to_what_the_asker_knows_and_to_nothing_else(
    machine: Machine,
) -> None:
    with pytest.raises(NoPreviousError):
        await machine.ask(Task.ROLL_BACK)
    await machine.ask(Task.ENSURE)
    first = machine.facts.fingerprint
    await machine.use(chained())
    second = machine.facts.fingerprint
    assert not (await machine.ask(Task.ROLL_BACK, to=second))["changed"]
    with pytest.raises(NoPreviousError):
        await machine.ask(Task.ROLL_BACK, to="AA:BB")
    assert machine.facts.fingerprint == second
    assert (await machine.ask(Task.ROLL_BACK, to=first))["changed"]
    assert machine.facts.fingerprint == first
    assert (await machine.ask(Task.ROLL_BACK))["changed"]
    assert machine.facts.fingerprint == second


def put(machine: Machine, certificate: bytes, key: bytes) -> None:
    """Leave the two files of an earlier version."""
    folder = machine.work.certificates.path
    (folder / "certificate.pem").write_bytes(certificate)
    (folder / "key.pem").write_bytes(key)


async def test_an_administrators_files_of_an_earlier_version_are_taken_over(
    machine: Machine,
) -> None:
    issued = chained()
    put(machine, issued.chain_pem, issued.key_pem)
    assert (await machine.ask(Task.ENSURE))["changed"]
    assert machine.served.origin is Origin.UPLOADED
    assert machine.facts.fingerprint == facts_of(issued.pem).fingerprint
    assert machine.work.certificates.former() is None
    assert not (await machine.ask(Task.ENSURE))["changed"]


async def test_files_that_do_not_belong_together_stay_and_are_not_served(machine: Machine) -> None:
    put(machine, chained().chain_pem, chained().key_pem)
    assert (await machine.ask(Task.ENSURE))["changed"]
    assert machine.served.origin is Origin.OWN_AUTHORITY
    assert machine.work.certificates.former() is not None


async def test_an_upgrade_keeps_the_self_signed_certificate_until_its_last_month(
    machine: Machine,
) -> None:
    former = former_pair(HOST, START)
    put(machine, former.certificate, former.key)
    assert (await machine.ask(Task.ENSURE))["changed"]
    assert machine.facts.fingerprint == facts_of(former.certificate).fingerprint
    assert machine.served.origin is Origin.OWN_AUTHORITY
    machine.clock.advance(timedelta(days=700).total_seconds())
    assert not (await machine.ask(Task.ENSURE, names=[HOST, "10.0.0.9"]))["changed"]
    machine.clock.advance(timedelta(days=80).total_seconds())
    assert (await machine.ask(Task.ENSURE))["changed"]
    assert not machine.facts.self_signed


async def test_another_host_name_ends_the_self_signed_certificate(machine: Machine) -> None:
    former = former_pair(HOST, START)
    put(machine, former.certificate, former.key)
    assert (await machine.ask(Task.ENSURE, names=["renamed.example"]))["changed"]
    assert "renamed.example" in machine.facts.names


async def test_what_root_puts_in_place_is_noticed(machine: Machine) -> None:
    """A restore of a backup replaces the files themselves."""
    await machine.ask(Task.ENSURE)
    restored = machine.served.content
    await machine.ask(Task.OWN)
    (machine.work.certificates.path / "served.pem").write_bytes(restored)
    assert (await machine.ask(Task.ENSURE))["changed"]
    published = read_published(machine.work.published).served
    assert published is not None
    assert published.public == machine.served.public


async def test_work_of_another_version_and_a_folder_that_is_gone_are_named(
    machine: Machine,
) -> None:
    with pytest.raises(UnknownWorkError):
        await machine.ask("something new")
    machine.work.certificates.path.rmdir()
    with pytest.raises(FolderUnusableError) as caught:
        await machine.ask(Task.ENSURE)
    assert isinstance(caught.value, ApplianceError)
    assert str(machine.work.certificates.path) in caught.value.message
