"""The pages of the certificate: what is served, uploads, requests, trials, and the root."""

from __future__ import annotations

import io
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientResponse, FormData
from bs4 import BeautifulSoup
from typing_extensions import override

from appliance.core.clock import SystemClock
from appliance.core.errors import ApplianceError
from appliance.core.settings import Settings
from appliance.db.pool import Database
from appliance.operations.catalog import TLS
from appliance.operations.folder import OperationFolder
from appliance.operations.model import Operation, Outcome, Result
from appliance.operations.work import Reporter, failure
from appliance.tls.folder import AuthorityFolder, CertificateFolder
from appliance.tls.model import facts_of
from appliance.tls.operation import CertificateWork
from appliance.tls.platforms import PLATFORMS
from appliance.tls.published import read_published
from tests.builders.certificates import (
    PASSWORD,
    Issued,
    chained,
    rsa_key,
)
from tests.builders.served_certificates import answer_to, keep_own
from tests.fakes.ollama import FakeOllama
from tests.fakes.operations import FakeOperations
from tests.http.console.conftest import ConsoleBrowser, actions

PAGE = "/admin/tls"
HOST = "box.example"
NOW = datetime.now(UTC)
YESTERDAY = NOW - timedelta(days=1)


@dataclass
class RealCertificates(FakeOperations):
    """Operations of which that of certificates does its work, within this process."""

    settings: Settings = field(default_factory=lambda: Settings(Path()))

    @override
    async def start(self, operation: Operation) -> None:
        if operation != TLS:
            await super().start(operation)
            return
        folder, clock = OperationFolder(self.folder / operation.name), SystemClock()
        request = folder.take_request()
        self.requests.append((operation.name, request))
        work = CertificateWork(
            CertificateFolder(self.settings.tls),
            AuthorityFolder(self.settings.authority),
            self.settings.certificates,
            clock,
            nginx=None,
        )
        try:
            found = await work.carry_out(request, Reporter(folder, clock))
            folder.end(Result(Outcome.DONE, found))
        except ApplianceError as error:
            folder.end(failure(error))


@pytest.fixture
def settings(tmp_path: Path, runner: FakeOllama) -> Settings:
    return Settings(home=tmp_path, ollama_url=runner.address, host=HOST, with_tls=True)


@pytest.fixture
def operations(settings: Settings) -> FakeOperations:
    keep_own(settings, HOST)
    return RealCertificates(settings.operations, settings=settings)


def house(**changes: object) -> Issued:
    """Return a certificate for this machine that is valid now."""
    return chained(**{"names": (HOST,), "starts": YESTERDAY, **changes})


def served(settings: Settings) -> str:
    found = read_published(settings.certificates).served
    assert found is not None
    return facts_of(found.pair.certificate).fingerprint


def fingerprint(issued: Issued) -> str:
    return facts_of(issued.pem).fingerprint


async def upload(browser: ConsoleBrowser, **parts: bytes | str) -> ClientResponse:
    """Send the form with files, as a browser without JavaScript does."""
    form = FormData(default_to_multipart=True)
    form.add_field("csrf", await browser.token())
    for name, content in parts.items():
        if isinstance(content, bytes):
            form.add_field(name, io.BytesIO(content), filename=f"{name}.pem")
        else:
            form.add_field(name, content)
    return await browser.client.post(
        f"{PAGE}/check", data=form, headers={"Accept": "text/html"}, allow_redirects=False
    )


async def soup_of(answer: ClientResponse, status: int = 200) -> BeautifulSoup:
    text = await answer.text()
    assert answer.status == status, text
    return BeautifulSoup(text, "html.parser")


def token_in(page: BeautifulSoup) -> str:
    button = page.select_one("button[name=token]")
    assert button is not None
    return str(button["value"])


def sentences(page: BeautifulSoup, kind: str) -> list[str]:
    return [each.text for each in page.select(f".alert--{kind} .alert__sentence")]


async def test_it_shows_what_is_served(as_olga: ConsoleBrowser, settings: Settings) -> None:
    page = await as_olga.text(PAGE)
    for words in (HOST, "Cloister of box.example", served(settings), "ECDSA P-256"):
        assert words in page
    assert "own authority, and renewed by itself" in page
    assert "Roll back" not in page


async def test_names_that_the_certificate_lacks_are_listed(
    as_olga: ConsoleBrowser, settings: Settings
) -> None:
    keep_own(settings, "other.example")
    page = BeautifulSoup(await as_olga.text(PAGE), "html.parser")
    missing = page.select_one(".tls__missing")
    assert missing is not None
    assert HOST in missing.text


async def test_an_upload_is_checked_used_on_trial_and_confirmed(
    as_olga: ConsoleBrowser, settings: Settings, database: Database
) -> None:
    own, issued = served(settings), house()
    checked = await soup_of(await upload(as_olga, certificate=issued.chain_pem, key=issued.key_pem))
    assert sentences(checked, "bad") == sentences(checked, "warn") == []
    assert fingerprint(issued) in checked.text
    assert served(settings) == own, "checking changes nothing"

    used = await as_olga.post(f"{PAGE}/use", {"token": token_in(checked)})
    page = await soup_of(used)
    assert sentences(page, "warn") == ["Another certificate is on trial."]
    assert page.select_one("[data-seconds-left]") is not None
    assert served(settings) == fingerprint(issued)

    confirmed = await as_olga.post(f"{PAGE}/confirm")
    assert (confirmed.status, confirmed.headers["Location"]) == (303, PAGE)
    text = await as_olga.text(PAGE)
    assert "Uploaded by an operator" in text
    assert "on trial." not in text
    assert "certificate_use" in " ".join(await actions(database)).replace(".", "_")


async def test_pkcs12_needs_its_password(as_olga: ConsoleBrowser) -> None:
    file = house().pkcs12()
    without = await soup_of(await upload(as_olga, certificate=file), 422)
    assert sentences(without, "bad") == ["The PKCS#12 file needs its password."]
    wrong = await soup_of(await upload(as_olga, certificate=file, password="wrong"), 422)
    assert sentences(wrong, "bad") == [
        "The password does not open the file, or the file is damaged."
    ]
    right = await upload(as_olga, certificate=file, password=PASSWORD)
    page = await soup_of(right)
    assert token_in(page)
    assert PASSWORD not in page.text


async def test_errors_and_warnings_are_apart_and_an_error_forbids_the_use(
    as_olga: ConsoleBrowser, settings: Settings
) -> None:
    own, issued = served(settings), house(days=800, names=("other.example",), key=rsa_key(1024))
    page = await soup_of(await upload(as_olga, certificate=issued.chain_pem + issued.key_pem), 422)
    assert sentences(page, "bad") == [
        "The certificate's key is RSA 1024: browsers refuse RSA keys of less than 2048 bits.",
        "The certificate is for other.example, and not for this machine: box.example.",
    ]
    assert sentences(page, "warn") == [
        "The certificate is valid for 800 days, and some browsers refuse more than 398."
    ]
    assert page.select_one("button[name=token]") is None
    assert served(settings) == own


async def test_a_warning_leaves_the_choice_to_the_operator(as_olga: ConsoleBrowser) -> None:
    issued = house(days=800)
    page = await soup_of(await upload(as_olga, certificate=issued.chain_pem, key=issued.key_pem))
    assert len(sentences(page, "warn")) == 1
    assert token_in(page)


async def test_what_was_checked_is_used_once(as_olga: ConsoleBrowser) -> None:
    issued = house()
    page = await soup_of(await upload(as_olga, certificate=issued.chain_pem, key=issued.key_pem))
    token = token_in(page)
    assert (await as_olga.post(f"{PAGE}/use", {"token": token})).status == 200
    again = await as_olga.post(f"{PAGE}/use", {"token": token})
    assert again.status == 303
    assert "no longer kept" in await as_olga.text(PAGE)


async def test_a_trial_can_be_undone_at_once(as_olga: ConsoleBrowser, settings: Settings) -> None:
    own, issued = served(settings), house()
    page = await soup_of(await upload(as_olga, certificate=issued.chain_pem, key=issued.key_pem))
    await as_olga.post(f"{PAGE}/use", {"token": token_in(page)})
    assert (await as_olga.post(f"{PAGE}/rollback")).status == 303
    assert served(settings) == own
    assert "The previous certificate is back." in await as_olga.text(PAGE)


async def test_the_previous_one_comes_back_on_trial(
    as_olga: ConsoleBrowser, settings: Settings
) -> None:
    own = served(settings)
    assert (await as_olga.post(f"{PAGE}/own")).status == 200
    await as_olga.post(f"{PAGE}/confirm")
    assert served(settings) != own
    assert "Roll back" in await as_olga.text(PAGE)
    back = await soup_of(await as_olga.post(f"{PAGE}/rollback"))
    assert sentences(back, "warn") == ["Another certificate is on trial."]
    assert served(settings) == own


async def test_without_a_trial_there_is_nothing_to_confirm(as_olga: ConsoleBrowser) -> None:
    assert (await as_olga.post(f"{PAGE}/confirm")).status == 303
    assert "No certificate is on trial." in await as_olga.text(PAGE)


async def test_a_request_is_made_downloaded_and_answered(
    as_olga: ConsoleBrowser, settings: Settings
) -> None:
    assert (await as_olga.get(f"{PAGE}/request.pem")).status == 404
    fields = {"names": f"{HOST}\n*.box.example", "kind": "ecdsa-p256", "organisation": "Town"}
    made = await as_olga.post(f"{PAGE}/request", fields)
    assert made.status == 303
    page = await as_olga.text(PAGE)
    assert "box.example, *.box.example" in page
    answer = await as_olga.get(f"{PAGE}/request.pem")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    request = await answer.read()
    assert b"PRIVATE KEY" not in request

    signed = answer_to(request)
    checked = await soup_of(await upload(as_olga, certificate=signed, answer="yes"))
    used = await as_olga.post(f"{PAGE}/use", {"token": token_in(checked)})
    assert used.status == 200
    assert served(settings) == facts_of(signed).fingerprint
    await as_olga.post(f"{PAGE}/confirm")
    assert "Signed on a request of this machine" in await as_olga.text(PAGE)


async def test_another_machine_s_answer_is_refused(as_olga: ConsoleBrowser) -> None:
    await as_olga.post(f"{PAGE}/request", {"names": HOST, "kind": "ecdsa-p256"})
    page = await soup_of(await upload(as_olga, certificate=house().chain_pem, answer="yes"), 422)
    assert sentences(page, "bad") == [
        "The private key is not the key of the certificate for box.example."
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"names": "a b/", "kind": "rsa-3072"}, "“b/” is no host name and no address."),
        ({"names": " ", "kind": "rsa-3072"}, "Please fill this in."),
        ({"names": HOST, "kind": "dsa"}, "Please choose one of these."),
        ({"names": HOST, "kind": "rsa-3072", "organisation": "ü" * 65}, "At most 64 characters"),
    ],
)
async def test_a_request_says_which_field_is_wrong(
    as_olga: ConsoleBrowser, fields: dict[str, str], words: str
) -> None:
    page = await soup_of(await as_olga.post(f"{PAGE}/request", fields), 422)
    (error,) = page.select(".field__error")
    assert words in error.text


async def test_a_file_must_be_chosen(as_olga: ConsoleBrowser) -> None:
    page = await soup_of(await upload(as_olga, certificate=b""), 422)
    (error,) = page.select(".field__error")
    assert "Please choose a file." in error.text


async def test_files_come_with_the_token_of_a_form(as_olga: ConsoleBrowser) -> None:
    form = FormData({"csrf": "0" * 64, "certificate": "x"}, default_to_multipart=True)
    answer = await as_olga.client.post(f"{PAGE}/check", data=form)
    assert answer.status == 403


async def test_more_than_a_megabyte_is_refused(as_olga: ConsoleBrowser) -> None:
    answer = await upload(as_olga, certificate=b"x" * (1024 * 1024 + 1))
    assert answer.status == 413


async def test_each_person_can_get_the_root_and_its_instructions(
    nobody: ConsoleBrowser, operations: FakeOperations, settings: Settings
) -> None:
    root = read_published(settings.certificates).authority
    assert root is not None
    page = BeautifulSoup(await nobody.text(f"{PAGE}/root"), "html.parser")
    assert facts_of(root).fingerprint in page.text
    for platform in PLATFORMS:
        assert platform.title in page.text
    drawing = page.select_one("svg.code")
    assert drawing is not None
    assert "style" not in drawing.attrs

    pem = await (await nobody.get(f"{PAGE}/root/cloister-root.crt")).read()
    assert pem == root
    answer = await nobody.get(f"{PAGE}/root/cloister-root.cer")
    assert answer.headers["Content-Type"] == "application/x-x509-ca-cert"
    assert await answer.read() == ssl.PEM_cert_to_DER_cert(root.decode())
    assert (await nobody.get(f"{PAGE}/root/other.crt")).status == 404
    assert b"PRIVATE KEY" not in pem


async def test_a_machine_without_tls_says_so(as_olga: ConsoleBrowser, settings: Settings) -> None:
    object.__setattr__(settings, "with_tls", False)
    assert "serves without TLS" in await as_olga.text(PAGE)
    assert (await as_olga.post(f"{PAGE}/own")).status == 303
    assert "serves without TLS" in await as_olga.text(PAGE)
