"""The machine's own certificate: the first one, its renewal, and what is said when that fails."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from appliance.core.clock import SystemClock
from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.operations.errors import OperationLostError
from appliance.tls.errors import CertificateRefusedError, NoTlsError
from appliance.tls.model import Origin, facts_of
from appliance.tls.published import AUTHORITY, read_published
from appliance.tls.renewal import read_failure
from appliance.tls.service import Certificates
from appliance.tls.start import ensure_at_start
from tests.builders.served_certificates import answer_to, uploaded
from tests.integration.tls.parts import Operation, certificates, front


@dataclass
class Served:
    """A web server that takes over what it is given, and remembers it."""

    fingerprints: list[str] = field(default_factory=list)

    async def take_over(self, fingerprint: str, by: str) -> bool:
        self.fingerprints.append(fingerprint)
        return True

    async def served(self) -> str | None:
        return self.fingerprints[-1] if self.fingerprints else None


async def lost(_: Mapping[str, object]) -> Mapping[str, object]:
    raise OperationLostError(operation="tls", unit="cloister-tls.service")


def with_other_names(service: Certificates) -> Certificates:
    return replace(service, settings=replace(service.settings, host="renamed.example"))


async def test_the_first_start_makes_a_certificate_and_the_next_one_makes_none(
    settings: Settings,
) -> None:
    operation = Operation(settings, SystemClock())
    await ensure_at_start(settings, SystemClock(), operation)
    served = read_published(settings.certificates).served
    assert served is not None
    assert "box.example" in facts_of(served.pair.certificate).names
    await ensure_at_start(settings, SystemClock(), operation)
    assert len(operation.asked) == 1


async def test_a_start_goes_on_without_a_certificate_and_says_why(settings: Settings) -> None:
    await ensure_at_start(settings, SystemClock(), lost)
    found = read_failure(settings.state)
    assert found is not None
    assert found.message == OperationLostError(operation="tls", unit="").message


async def test_jobs_that_ask_at_the_same_time_wait_for_each_other(settings: Settings) -> None:
    web_server = Served()
    service = certificates(settings, web_server)
    renewed, *requests = await asyncio.gather(
        service.ensure(), service.csr(["a.example"]), service.csr(["b.example"])
    )
    assert renewed
    assert all(b"BEGIN CERTIFICATE REQUEST" in each for each in requests)
    answer = answer_to(await service.csr(["box.example"]))
    await asyncio.gather(service.install(answer, Origin.ACME), service.ensure())
    assert web_server.fingerprints[-1] == facts_of(answer).fingerprint


async def test_it_is_due_for_another_name_and_renewed_once(settings: Settings) -> None:
    web_server = Served()
    service = certificates(settings, web_server)
    assert await service.is_due()
    assert await service.ensure()
    assert not await service.is_due()
    assert not await service.ensure()
    renamed = with_other_names(service)
    assert await renamed.is_due()
    assert await renamed.ensure()
    published = await service.published()
    assert published.served is not None
    facts = facts_of(published.served.pair.certificate)
    assert "renamed.example" in facts.names
    assert web_server.fingerprints[-1] == facts.fingerprint
    assert len(web_server.fingerprints) == 2


async def test_a_renewal_that_fails_is_remembered_until_it_works(settings: Settings) -> None:
    service = certificates(settings, Served())
    with pytest.raises(OperationLostError):
        await replace(service, ask=lost).ensure()
    assert read_failure(settings.state) is not None
    await service.ensure()
    assert read_failure(settings.state) is None


async def test_a_client_that_trusts_the_root_alone_trusts_the_renewed_one(
    settings: Settings,
) -> None:
    async with front(settings, names=["box.example"]) as machine:
        below = replace(settings, host_names=("chat.box.example",))
        renamed = replace(machine.certificates, settings=below)
        root = settings.certificates / AUTHORITY
        context = await asyncio.to_thread(ssl.create_default_context, cafile=root)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        seen = []
        for service in (machine.certificates, renamed):
            await service.ensure()
            for name in ("localhost", "127.0.0.1"):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", settings.port, ssl=context, server_hostname=name
                )
                seen.append(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
                writer.close()
                await writer.wait_closed()
                assert not await reader.read()
        assert len(set(seen)) == 2


async def test_what_the_acme_client_brings_is_served_without_a_trial(settings: Settings) -> None:
    service = certificates(settings, Served())
    await service.ensure()
    request = await service.csr(["box.example"])
    await service.install(answer_to(request), Origin.ACME)
    published = await service.published()
    assert published.served is not None
    assert published.served.origin is Origin.ACME
    assert not published.requests
    assert service.trials.current() is None
    # The next one has to answer the next request.
    await service.csr(["box.example"])
    with pytest.raises(CertificateRefusedError):
        await service.install(uploaded("box.example").chain_pem, Origin.ACME)
    assert (await service.published()).served == published.served


async def test_without_tls_there_is_no_certificate(tmp_path: Path) -> None:
    service = certificates(Settings(home=tmp_path), Served())
    with pytest.raises(NoTlsError):
        await service.ensure()
    assert issubclass(NoTlsError, ApplianceError)
