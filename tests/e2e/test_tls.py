"""A whole appliance over TLS: who trusts its root, and how its certificate is changed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Error

from appliance.cli.output import ExitCode
from tests.appliance import (
    ROOT,
    Appliance,
    home_folder,
    processes_of,
    running_appliance,
    wait_until,
)
from tests.builders.served_certificates import answer_to, uploaded
from tests.e2e.browser import chromium


@pytest.fixture(scope="module")
def appliance() -> Iterator[Appliance]:
    """An appliance that serves over TLS; no model is needed."""
    with (
        home_folder() as folder,
        running_appliance(folder, CLOISTER_TLS="yes", CLOISTER_HOST="box.example") as started,
    ):
        yield started


@pytest.fixture(scope="module")
def folder(appliance: Appliance) -> Path:
    """A folder for files that the command line reads."""
    folder = appliance.home.parent / "files"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def root(appliance: Appliance, folder: Path) -> Path:
    """The root of the machine's own authority, as an operator downloads it."""
    path = folder / "root.pem"
    path.write_text(appliance.cli("tls", "show", "--root")["authority"])
    return path


def curl(appliance: Appliance, *options: str) -> subprocess.CompletedProcess[str]:
    command = ("curl", "--silent", "--show-error", "--noproxy", "*", *options, appliance.address)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def served(appliance: Appliance) -> str:
    found = appliance.cli("tls", "show")
    assert found["fingerprint_served"] == found["served"]["fingerprint"]
    return str(found["fingerprint_served"])


def test_a_client_that_trusts_the_root_alone_connects_and_another_one_does_not(
    appliance: Appliance, root: Path
) -> None:
    assert curl(appliance, "--cacert", str(root)).returncode == 0
    stranger = curl(appliance)
    assert stranger.returncode == 60, stranger.stderr


def test_a_browser_opens_it_once_its_person_has_installed_the_root(
    appliance: Appliance, root: Path, tmp_path: Path
) -> None:
    with chromium(home=tmp_path) as stranger, pytest.raises(Error, match="ERR_CERT_AUTHORITY"):
        stranger.new_page().goto(appliance.address)
    store = tmp_path / ".pki" / "nssdb"
    store.mkdir(parents=True)
    certutil = ("certutil", "-d", f"sql:{store}")
    subprocess.run((*certutil, "-N", "--empty-password"), check=True, timeout=30)
    trusted = ("-A", "-n", "Cloister", "-t", "C,,", "-i", str(root))
    subprocess.run((*certutil, *trusted), check=True, timeout=30)
    with chromium(home=tmp_path) as browser:
        page = browser.new_page()
        opened = page.goto(appliance.address)
        assert opened is not None
        assert opened.ok
        details = opened.security_details()
        assert details is not None
        assert details["protocol"] == "TLS 1.3"


def test_people_sign_in_over_tls_with_cookies_of_this_host_alone(
    appliance: Appliance, root: Path
) -> None:
    context = ssl.create_default_context(cafile=root)
    with httpx.Client(verify=context, base_url=appliance.address, trust_env=False) as client:
        page = client.get("/admin/claim")
        assert page.status_code == 200
        assert all(name.startswith("__Host-") for name in client.cookies)
    assert appliance.claim_link.startswith("https://")


def test_a_certificate_from_elsewhere_is_served_and_confirmed(
    appliance: Appliance, folder: Path
) -> None:
    before, issued = served(appliance), uploaded("box.example")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(issued.chain_pem)
    key.write_bytes(issued.key_pem)
    checked = appliance.cli("tls", "use", str(certificate), "--key", str(key), "--check")
    assert not checked["changed"]
    assert served(appliance) == before
    used = appliance.cli("tls", "use", str(certificate), "--key", str(key))
    assert used["changed"]
    assert used["trial"]["ends"]
    after = served(appliance)
    assert after != before
    busy = appliance.run_cli("tls", "use", "--own")
    assert busy.returncode == ExitCode.FAILED
    assert "on trial" in busy.stderr
    assert appliance.cli("tls", "confirm")["confirmed"]
    assert appliance.run_cli("tls", "confirm").returncode == ExitCode.FAILED
    shown = appliance.run_cli("tls", "show").stdout
    assert "uploaded" in shown
    assert before in shown
    # Back to the one before it.
    appliance.cli("tls", "rollback")
    appliance.cli("tls", "confirm")
    assert served(appliance) == before


@pytest.mark.parametrize("garbage", ["", "garbage\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_key_that_is_garbage_changes_nothing(
    appliance: Appliance, folder: Path, garbage: str
) -> None:
    before = served(appliance)
    certificate, key = folder / "good.pem", folder / "bad.pem"
    certificate.write_bytes(uploaded("box.example").chain_pem)
    key.write_text(garbage)
    refused = appliance.run_cli("tls", "use", str(certificate), "--key", str(key))
    assert refused.returncode == ExitCode.FAILED
    assert "key" in (refused.stdout + refused.stderr).lower()
    assert served(appliance) == before
    assert appliance.cli("tls", "show")["trial"] is None
    missing = appliance.run_cli("tls", "use", str(folder / "nowhere.pem"))
    assert missing.returncode == ExitCode.FAILED
    assert "cannot be read" in missing.stderr


def test_an_authority_answers_the_request_of_the_machine(
    appliance: Appliance, folder: Path
) -> None:
    early = appliance.run_cli("tls", "answer", str(written(folder, "early.pem", b"nothing")))
    assert early.returncode == ExitCode.FAILED
    assert "No request waits" in early.stderr
    request = appliance.cli("tls", "csr", "--kind", "rsa-3072", "--organisation", "Box")["request"]
    answer = written(folder, "answer.pem", answer_to(request.encode()))
    assert appliance.cli("tls", "answer", str(answer))["changed"]
    shown = appliance.cli("tls", "show")
    assert (shown["served"]["origin"], shown["served"]["key"]) == ("requested", "RSA 3072")
    assert shown["served"]["names"] == ["box.example"]
    assert shown["requests"] == {}
    appliance.cli("tls", "rollback")
    assert appliance.cli("tls", "show")["served"]["origin"] == "own authority"


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def operation_of(appliance: Appliance) -> list[int]:
    """Return the processes of the operation that makes certificates."""
    found = []
    for pid in processes_of(appliance.home):
        with contextlib.suppress(OSError):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"operation" in arguments and b"tls" in arguments:
                found.append(pid)
    return found


def test_an_operation_that_is_killed_leaves_a_certificate_that_is_served(
    appliance: Appliance,
) -> None:
    command = (sys.executable, "-m", "appliance", "tls", "use", "--own")
    before = served(appliance)
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=dict(appliance.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        pids = wait_until(lambda: operation_of(appliance), "the operation to run")
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(60)
    wait_until(lambda: appliance.cli("tls", "show")["trial"] is None, "the trial to end")
    assert served(appliance) == before
    # The next change works, and the web server starts with what is kept.
    pid = appliance.kill("nginx")
    appliance.wait_for("nginx", "ready", unlike=pid)
    assert served(appliance) == before


def test_a_machine_that_lost_its_certificate_makes_one_at_its_next_start() -> None:
    with home_folder() as folder:
        with running_appliance(folder, CLOISTER_TLS="yes") as first:
            fingerprint = served(first)
            authority = first.cli("tls", "show")["authority"]
        with running_appliance(folder, CLOISTER_TLS="yes", port=first.port) as again:
            assert served(again) == fingerprint
        shutil.rmtree(folder / "tls")
        shutil.rmtree(folder / "certificates")
        with running_appliance(folder, CLOISTER_TLS="yes", port=first.port) as last:
            assert served(last) != fingerprint
            # The authority is still there: people need not install another root.
            assert last.cli("tls", "show")["authority"] == authority
