"""A fresh server without the internet: one command, and people get answers."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import expect

from tests.appliance import wait_until
from tests.builders import documents
from tests.e2e.answers import last_answer
from tests.e2e.browser import Window, chromium, window
from tests.e2e.visitor import PASSWORD, Answer
from tests.machines.ground import Ground
from tests.machines.installed import put_in_ollama
from tests.machines.machine import Image, Machine, new_machine
from tests.machines.neighbour import Neighbour
from tests.machines.network import Network
from tests.machines.visitor import Site, ready, serves

ADDRESS = "10.44.0.1"
LISTENING = "0A"
LOGIN = Path(__file__).with_name("terminal_login.py")
PORTS = {80, 443}

BELL = "The bell of the east tower was cast in 1742 and weighs three tons."
QUESTION = "When was the bell of the east tower cast?"
ORCHARD = "The orchard was planted by the gardener Hildegard with forty pear trees."


@dataclass(frozen=True, slots=True)
class Installation:
    """A machine on which the package has just been installed, and what that was like."""

    site: Site
    printed: str

    @property
    def machine(self) -> Machine:
        return self.site.machine


@pytest.fixture(scope="module")
def installation(
    ground: Ground, base: Image, package: Path, archive: Path, network: Network, client: Neighbour
) -> Iterator[Installation]:
    with new_machine(ground, "fresh", base, archive=archive) as machine:
        machine.boot(network.place(ADDRESS))
        # Not root's home: apt reads packages as an account of its own.
        machine.copy_in(package, "/srv")
        # A terminal, so that a question would be asked; and nobody who would answer it.
        command = f"cd /srv && apt-get install --yes ./{package.name}"
        terminal = f"script --quiet --return --command {shlex.quote(command)} /root/installation"
        printed = machine.run(f"{terminal} </dev/null", seconds=600).stdout
        site = Site(machine, client, ADDRESS)
        wait_until(lambda: serves(site), "the whole appliance to serve", 120)
        yield Installation(site, printed)


def test_nothing_is_asked(installation: Installation, base: Image) -> None:
    # debconf marks what it has shown to somebody; the image itself was made with some.
    database = "var/cache/debconf/config.dat"
    before = (base.layers[-1] / database).read_text()
    after = installation.machine.run(f"cat /{database}").stdout
    assert after.count("Name: ") > before.count("Name: ")
    assert after.count("Flags: seen") == before.count("Flags: seen")
    assert "[Y/n]" not in installation.printed


def test_the_end_of_the_installation_says_what_to_do_next(installation: Installation) -> None:
    _, _, said = installation.printed.partition("Cloister is installed")
    assert "sudo cloister claim" in said
    assert f"{installation.site.address}/" in said
    assert f"https://{ADDRESS}/" in said
    assert "/usr/local/bin/ollama" in said
    assert "sudo cloister model fetch" in said


def test_a_login_shows_what_to_do_next(installation: Installation) -> None:
    machine = installation.machine
    assert "sudo cloister claim" in greeting(machine)
    # A name without a domain is known to this machine alone.
    assert f"https://{ADDRESS}/" in greeting(machine)


def greeting(machine: Machine) -> str:
    """What root sees who logs in at the machine."""
    return machine.run("python3 -", content=LOGIN.read_text()).stdout


def test_the_address_leads_to_the_claim_page(installation: Installation) -> None:
    """Over TLS, with a certificate that is the machine's own and for its name."""
    page = installation.site.get("/", follow=True)
    assert page.status_code == httpx.codes.OK
    assert page.url == f"{installation.site.address}/admin/claim"
    assert "Claim this machine" in page.text


def test_a_browser_that_does_not_know_the_certificate_warns(installation: Installation) -> None:
    site = installation.site
    with pytest.raises(httpx.ConnectError, match="self-signed certificate"):
        site.neighbour.run(lambda: httpx.get(f"https://{ADDRESS}/", trust_env=False))


def test_port_80_leads_to_tls(installation: Installation) -> None:
    site = installation.site
    answer = site.get(f"http://{site.host}/library?page=2")
    assert answer.status_code == httpx.codes.MOVED_PERMANENTLY
    assert answer.headers["location"] == f"{site.address}/library?page=2"


def test_every_place_shows_the_version_of_the_package(installation: Installation) -> None:
    site, machine = installation.site, installation.machine
    installed = machine.run("dpkg-query --show --showformat '${Version}' cloister").stdout
    assert machine.run("cloister --version").stdout == f"cloister {installed}\n"
    assert site.get("/health").json()["version"] == installed
    assert f"Cloister {installed}</footer>" in site.get("/", follow=True).text


def test_nothing_else_listens(installation: Installation) -> None:
    tables = {
        kind: installation.machine.run(f"tail -n +2 /proc/net/{kind}").stdout.splitlines()
        for kind in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6")
    }
    for kind in ("tcp", "tcp6"):
        rows = [line.split() for line in tables.pop(kind)]
        open_ports = {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTENING}
        assert open_ports == PORTS, kind
    assert tables == {"udp": [], "udp6": [], "raw": [], "raw6": []}


def test_debians_own_services_stay_off(installation: Installation) -> None:
    machine = installation.machine
    assert machine.run("pg_lsclusters --no-header").stdout == ""
    for service in ("nginx.service", "postgresql.service"):
        state = f"systemctl is-enabled {service}; systemctl is-active {service}"
        assert machine.run(state, check=False).stdout.split() == ["disabled", "inactive"]


def test_no_unit_has_failed(installation: Installation) -> None:
    assert installation.machine.run("systemctl --failed --no-legend").stdout == ""
    assert installation.machine.run("systemctl is-system-running").stdout == "running\n"


def test_root_sees_how_it_is(installation: Installation) -> None:
    machine = installation.machine
    states = {row["unit"]: row["state"] for row in installation.site.cli("status")}
    assert {"postgres", "migrate", "ingest", "webchat@1", "nginx"} <= states.keys()
    assert {state for unit, state in states.items() if unit != "ollama"} <= {"ready", "done"}
    assert "using inherited sockets" in machine.run("cloister logs nginx").stdout
    assert "ready to accept connections" in machine.run("cloister logs postgres").stdout
    examined = installation.site.cli("doctor")
    assert examined["healthy"] is True
    found = {each["check"]: each for each in examined["checks"]}
    for check in (
        "firewall",
        "networks",
        "package",
        "folders",
        "parsers",
        "web server",
        "certificate",
    ):
        assert found[check]["state"] == "ok", found[check]
    assert "no packet had to be stopped" in found["firewall"]["sentence"]


def test_manual_pages_and_completion_are_there(installation: Installation) -> None:
    machine = installation.machine
    for page, title in (("man8/cloister.8", "CLOISTER"), ("man5/cloister.env.5", "CLOISTER.ENV")):
        assert f".TH {title}" in machine.run(f"zcat /usr/share/man/{page}.gz").stdout
    # What `systemctl help` would open.
    named = machine.run(
        "cd /usr/lib/systemd/system && grep -ho -d skip 'man:cloister[^ ]*' cloister*"
    ).stdout
    assert set(named.split()) == {"man:cloister(8)"}
    complete = (
        "source /usr/share/bash-completion/completions/cloister; "
        "complete -p cloister; "
        "COMP_WORDS=(cloister st) COMP_CWORD=1; "
        '$(complete -p cloister | sed "s/.*-F \\([^ ]*\\).*/\\1/") cloister st cloister; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    offered = machine.run(f"bash -c {shlex.quote(complete)}").stdout.split()
    assert {"start", "status", "stop"} <= set(offered)


def test_people_get_cited_answers_and_a_reboot_changes_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    site, machine = installation.site, installation.machine
    # As the end of the installation says.
    put_in_ollama(machine)
    machine.run("systemctl restart cloister")
    wait_until(lambda: ready(site), "the model runner to be found", 60)
    site.choose_models()
    session = site.neighbour.run(lambda: claimed_in_a_browser(site))
    with site.program() as program, site.visitor() as operator:
        files = (
            documents.pdf(tmp_path / "towers.pdf", ["Towers and walls.", BELL]),
            documents.word(tmp_path / "garden.docx", [("Orchard", [ORCHARD])]),
        )
        bell, orchard = (program.add(path) for path in files)
        for each in (bell, orchard):
            found = program.finished(each)
            assert found["status"] == "ready", found
        assert_cited(program.ask(QUESTION), bell)
        site.neighbour.run(lambda: asked_in_a_browser(site, session))
        site.neighbour.run(lambda: checked_in_a_browser(site, session))
        operator.sign_in()
        conversation = operator.ask(QUESTION, operator.token("/"))
        wait_until(lambda: "1742" in operator.http.get(conversation).text, "an answer in the chat")

        machine.reboot()
        wait_until(lambda: ready(site), "the appliance to be back", 120)
        assert_cited(program.ask(QUESTION), bell)
        assert program.document(orchard)["status"] == "ready"
        assert operator.questions_in(conversation) == 1
    said = greeting(machine)
    # Its name has no domain, so that other computers may not resolve it.
    assert "everything serves at https://10." in said
    assert "claim" not in said
    assert machine.run("systemctl --failed --no-legend").stdout == ""


def assert_cited(answer: Answer, document: str) -> None:
    """The model's words, and where they come from: the second page."""
    assert answer.kind == "generated"
    assert "1742" in answer.text
    assert "[1]" in answer.text
    first = answer.citations[0]
    assert (first["number"], first["document"], first["page"]) == (1, document, 2)


@contextmanager
def browser_window(site: Site, **options: Any) -> Iterator[Window]:
    """A window of the real browser, whose owner has accepted the certificate."""
    name = f"--host-resolver-rules=MAP {site.host} {site.ip}"
    with (
        chromium(name) as browser,
        window(browser, site.address, ignore_https_errors=True, **options) as opened,
    ):
        yield opened


def claimed_in_a_browser(site: Site) -> Any:
    """Become the operator; returns what the browser then remembers."""
    with browser_window(site) as opened:
        link = urlsplit(site.cli("claim")["link"])
        assert link.hostname == site.ip
        page = opened.open(f"{link.path}#{link.fragment}")
        page.get_by_label("Your name").fill("Ada Lovelace")
        page.get_by_label("You sign in as").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Claim").click()
        expect(page.get_by_role("heading", name="Set up this machine")).to_be_visible()
        return page.context.storage_state()


def checked_in_a_browser(site: Site, session: Any) -> None:
    """See the last step of the set-up: the supervisor, which has no network, asks over TLS."""
    with browser_window(site, storage_state=session) as opened:
        page = opened.open("/admin/setup/check")
        page.get_by_role("button", name="Run the check").click()
        expect(page.get_by_role("heading", name="It works")).to_be_visible(timeout=60_000)
        expect(page.locator(".setup-answer .mono")).to_contain_text(f"https://{site.host}")
    keys = [key["name"] for key in site.cli("api-key list")]
    assert not [name for name in keys if name.startswith("set-up check")]


def asked_in_a_browser(site: Site, session: Any) -> None:
    """See an answer come, with the source that it cites."""
    with browser_window(site, storage_state=session) as opened:
        page = opened.open("/")
        page.get_by_label("Your question").fill(QUESTION)
        page.keyboard.press("Enter")
        answer = last_answer(page)
        expect(answer.locator(".sources a").first).to_contain_text("towers.pdf", timeout=30_000)
        expect(answer).to_contain_text("1742")
