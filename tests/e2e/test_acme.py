"""A whole appliance gets its certificate from a real authority, asked for on the command line."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.appliance import Appliance, home_folder, running_appliance, wait_until
from tests.fakes.acme import TERMS, Pebble, running_pebble
from tests.ports import free_port

NAMES = ("box.example", "www.box.example")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def plain_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def authority(plain_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """A Pebble that looks at the appliance's port without TLS."""
    with running_pebble(tmp_path_factory.mktemp("pebble"), web_port=plain_port) as running:
        yield running


@pytest.fixture(scope="module")
def appliance(plain_port: int) -> Iterator[Appliance]:
    """An appliance that serves over TLS."""
    with (
        home_folder() as home,
        running_appliance(
            home,
            CLOISTER_TLS="yes",
            CLOISTER_PLAIN_PORT=str(plain_port),
            CLOISTER_HOST=NAMES[0],
        ) as running,
    ):
        yield running


def served(appliance: Appliance) -> str:
    """Return the certificate that a visitor gets."""
    return ssl.get_server_certificate(("127.0.0.1", appliance.port))


def wait_for_change(appliance: Appliance, before: str) -> None:
    """Wait until another certificate is served, and the job has written down how it ended."""
    wait_until(lambda: served(appliance) != before, "another certificate to be served", 90)
    wait_until(lambda: appliance.cli("job", "list")[0]["state"] == "done", "the job to end")


def set_up(appliance: Appliance, authority: Pebble, *more: str, check: bool = True) -> Any:
    """Set the authority up, as root would."""
    root = appliance.home.parent / "root.pem"
    root.write_text(authority.root)
    given = ("--root-file", str(root), *(f"--name={name}" for name in NAMES), *more)
    return appliance.cli("tls", "acme", "use", authority.directory, *given, check=check)


def test_a_certificate_is_asked_for_and_served(appliance: Appliance, authority: Pebble) -> None:
    before = served(appliance)
    refused = set_up(appliance, authority, check=False)
    assert refused["error"]["code"] == "acme_terms"
    assert TERMS in refused["error"]["message"]
    set_up(appliance, authority, f"--accept-terms={TERMS}")
    wait_for_change(appliance, before)
    found = appliance.cli("tls", "show")["served"]
    assert found["origin"] == "acme"
    assert "Pebble" in found["issuer"]
    shown = appliance.cli("tls", "acme", "show")
    assert sorted(shown["state"]["names"]) == sorted(NAMES)
    assert shown["due"] is None
    checks = appliance.cli("doctor", check=False)["checks"]
    (check,) = [check for check in checks if check["check"] == "acme"]
    assert check["state"] == "ok"
    # No other process has the key of an account, and this one has none of a certificate.
    home = appliance.home
    assert len(list((home / "acme").iterdir())) == 1
    assert not list(Path(home / "run" / "acme").iterdir())


def test_a_name_that_fails_is_named_at_once_and_keeps_no_other_from_its_certificate(
    appliance: Appliance, authority: Pebble
) -> None:
    before, late = served(appliance), "late.box.example"
    authority.hide(late)
    set_up(appliance, authority, f"--accept-terms={TERMS}", f"--name={late}")
    wait_for_change(appliance, before)
    shown = appliance.cli("tls", "acme", "show", check=False)
    assert sorted(shown["state"]["names"]) == sorted(NAMES)
    checks = appliance.cli("doctor", check=False)["checks"]
    (check,) = [check for check in checks if check["check"] == "acme"]
    assert check["state"] == "warning"
    assert late in check["sentence"]
    authority.show(late)
    job = appliance.cli("tls", "acme", "renew", "--wait")
    assert job["state"] == "done"
    shown = appliance.cli("tls", "acme", "show")
    assert sorted(shown["state"]["names"]) == sorted((late, *NAMES))


def test_it_is_switched_off_and_the_certificate_stays(appliance: Appliance) -> None:
    before = served(appliance)
    assert appliance.cli("tls", "acme", "off", "--yes")["plan"] is None
    assert served(appliance) == before
    assert not list((appliance.home / "acme").iterdir())
