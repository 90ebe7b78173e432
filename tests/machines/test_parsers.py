"""On an installed machine a document that takes over its parser reaches nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import documents
from tests.exploit import exploit_source, reached
from tests.machines.conftest import APPLIANCE
from tests.machines.machine import Machine
from tests.machines.neighbour import Neighbour
from tests.machines.visitor import Site

PRIVATE = "The private diary of another person."
DIGEST = hashlib.sha256(PRIVATE.encode()).hexdigest()
LIB, RUN = "/var/lib/cloister", "/run/cloister"
PROGRAM = "/usr/bin/pdftotext"
TARGETS = {
    "files": [
        f"{LIB}/documents/{DIGEST[:2]}/{DIGEST}",
        f"{LIB}/tls/served.pem",
        "/etc/cloister/cloister.env",
        "/etc/shadow",
        "/etc/passwd",
    ],
    "folders": [f"{LIB}/documents", LIB, RUN, f"{RUN}/ingest", "/etc", "/tmp", "/dev/shm"],
    "sockets": [
        f"{RUN}/postgres/.s.PGSQL.5432",
        f"{RUN}/ollama/ollama.sock",
        f"{RUN}/control/control.sock",
        "/run/systemd/notify",
    ],
    "ports": [80, 443],
    "processes": [1],
}


@pytest.fixture(scope="module")
def site(appliance: Machine, client: Neighbour) -> Site:
    """The appliance, which has its operator."""
    site = Site(appliance, client, APPLIANCE)
    site.claim()
    return site


@pytest.fixture
def taken_over(appliance: Machine) -> Iterator[None]:
    """The parser of PDF files is the exploit."""
    appliance.run(f"mv {PROGRAM} {PROGRAM}.real")
    appliance.write(PROGRAM, exploit_source("/usr/bin/python3", TARGETS), 0o755)
    yield
    appliance.run(f"mv {PROGRAM}.real {PROGRAM}")


@pytest.mark.usefixtures("taken_over")
def test_a_hostile_document_reaches_nothing(site: Site, tmp_path: Path) -> None:
    with site.program() as program:
        diary = documents.written(tmp_path / "diary.txt", PRIVATE)
        assert program.finished(program.add(diary))["status"] == "ready"
        hostile = program.add(documents.pdf(tmp_path / "hostile.pdf", ["Harmless."]))
        assert program.finished(hostile)["status"] == "ready"
        query = {"query": "Which ways were tried and reached?"}
        passage = program.http.post("/api/search", json=query).json()["passages"][0]
    assert passage["document"] == hostile
    assert reached(passage["text"]) == set()


def test_the_machine_says_that_its_parsers_are_confined(site: Site) -> None:
    checks = site.cli("doctor")["checks"]
    assert [each["state"] for each in checks if each["check"] == "parsers"] == ["ok"]


def test_every_kind_of_document_is_read_in_confinement(site: Site, tmp_path: Path) -> None:
    files = (
        documents.pdf(tmp_path / "a.pdf", ["Two worn bearings."]),
        documents.chinese_pdf(tmp_path / "b.pdf", "办事处设在北京市"),
        documents.word(tmp_path / "c.docx", [("Pumps", ["Three worn bearings."])]),
        documents.written(tmp_path / "d.html", "<h1>Pumps</h1><p>Four worn bearings.</p>"),
        documents.written(tmp_path / "e.txt", "Fünf müde Lager.".encode("cp1252")),
        documents.written(tmp_path / "f.csv", "Part,State\nPump,worn"),
    )
    with site.program() as program:
        added = [program.add(path) for path in files]
        states = [program.finished(each)["status"] for each in added]
    assert states == ["ready"] * len(files)
