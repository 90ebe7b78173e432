"""The whole way on the command line: claim, people, keys, documents, questions, units."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.cli.output import ExitCode
from tests.appliance import Appliance, home_folder, running_appliance, wait_until
from tests.builders import documents
from tests.e2e.visitor import PASSWORD, Program, Visitor

PDF = "The north gate is locked at nine in the evening, and opened again at six."
WORD = "The orchard was planted by the gardener Hildegard with forty pear trees."
QUESTION = "When is the north gate locked?"


@pytest.fixture(scope="module")
def files(appliance: Appliance) -> Path:
    """A folder of documents that the appliance's account may read."""
    folder = appliance.home.parent / "files"
    folder.mkdir()
    documents.pdf(folder / "gates.pdf", [PDF])
    documents.word(folder / "garden.docx", [("Orchard", [WORD])])
    return folder


def test_ingest_waits_until_every_file_of_a_folder_is_ready(
    appliance: Appliance, operator: Visitor, files: Path
) -> None:
    rows = appliance.cli("ingest", str(files))
    assert {(Path(row["file"]).name, row["state"]) for row in rows} == {
        ("gates.pdf", "ready"),
        ("garden.docx", "ready"),
    }


def test_a_file_that_cannot_be_read_says_why_and_fails_the_command(
    appliance: Appliance, operator: Visitor
) -> None:
    empty = documents.written(appliance.home.parent / "empty.txt", "")
    rows = appliance.cli("ingest", str(empty), check=False)
    assert rows[0]["state"] == "refused"
    assert "0 bytes" in rows[0]["problem"]
    missing = appliance.run_cli("ingest", str(empty.with_name("nowhere.txt")))
    assert missing.returncode == ExitCode.FAILED
    assert "nothing at this path" in missing.stderr
    assert "Traceback" not in missing.stderr


def test_a_file_that_may_not_be_read_is_a_sentence_and_no_traceback(
    appliance: Appliance, operator: Visitor
) -> None:
    closed = appliance.home.parent / "closed"
    closed.mkdir(mode=0o700)
    documents.written(closed / "secret.txt", PDF)
    # Root may read it all the same: it is the one who asks, not the appliance's account.
    answer = appliance.run_cli("ingest", str(closed / "secret.txt"), "--json")
    assert "Traceback" not in answer.stderr
    assert answer.returncode == ExitCode.DONE, answer.stderr
    assert json.loads(answer.stdout)[0]["state"] == "ready"


def test_search_prints_the_page_that_says_so(appliance: Appliance, files: Path) -> None:
    found = appliance.cli("search", QUESTION)
    assert (found[0]["file"], found[0]["page"]) == ("gates.pdf", 1)
    assert "locked at nine" in found[0]["text"]


def test_ask_answers_with_numbered_citations(appliance: Appliance, files: Path) -> None:
    answer = appliance.cli("ask", *QUESTION.split())
    assert answer["kind"] == "generated"
    assert "[1]" in answer["answer"]
    assert answer["citations"][0]["file"] == "gates.pdf"


def test_ask_prints_text_with_its_sources_for_people(appliance: Appliance, files: Path) -> None:
    printed = appliance.run_cli("ask", QUESTION).stdout
    assert "locked at nine" in printed
    assert "[1] gates.pdf, page 1" in printed


def test_a_question_without_an_answer_in_documents_gets_none(
    appliance: Appliance, files: Path
) -> None:
    answer = appliance.cli("ask", "Xylophone zeppelin quarks?")
    assert answer["kind"] == "no_evidence"
    assert answer["citations"] == []


def test_a_search_model_is_chosen_on_the_command_line(
    appliance: Appliance, operator: Visitor
) -> None:
    names = {row["model"] for row in appliance.cli("model", "list")}
    assert names >= {"fake-chat:latest", "fake-embed:latest"}
    appliance.cli("model", "use", "search", "fake-embed:latest")

    def used_for(model: str) -> Any:
        return {row["model"]: row["used_for"] for row in appliance.cli("model", "list")}[model]

    wait_until(lambda: used_for("fake-embed:latest") == ["search"], "every passage to be read")
    # Nobody has chosen a model that answers: the first one by name does.
    assert used_for("fake-chat:latest") == ["chat"]


def test_a_member_is_added_and_sets_a_password_with_the_link(
    appliance: Appliance, operator: Visitor
) -> None:
    link = appliance.cli("user", "add", "brendan")["link"]
    page, code = link.split("#")
    with Visitor(appliance.address) as member:
        answer = member.post(page, page, code=code, password=PASSWORD)
        assert answer.status_code == 303, answer.text
        assert member.http.get("/library").status_code == 200
    appliance.cli("user", "lock", "brendan", "--yes")
    with Visitor(appliance.address) as member:
        assert member.sign_in("brendan").status_code != 303
    people = {row["name"]: row for row in appliance.cli("user", "list")}
    assert people["brendan"]["locked"]
    assert people["ada"]["role"] == "operator"


def test_a_revoked_key_stops_working(appliance: Appliance, operator: Visitor) -> None:
    key = appliance.cli("api-key", "create", "short-lived", "--scope", "documents")
    with Program(appliance.address, key["key"]) as program:
        assert program.http.get("/api/documents").status_code == 200
        appliance.cli("api-key", "revoke", key["id"])
        assert program.http.get("/api/documents").status_code == 401


def test_a_new_claim_link_makes_the_earlier_one_void(
    appliance: Appliance, operator: Visitor
) -> None:
    first, second = (appliance.cli("claim")["link"] for _ in range(2))
    with Visitor(appliance.address) as visitor:
        page, code = first.split("#")
        fields = {"name": "carol", "display_name": "Carol", "password": PASSWORD}
        assert visitor.post(page, page, code=code, **fields).status_code >= 400
        visitor.claim(second, "carol")
        assert visitor.http.get("/admin/").status_code == 200


def test_status_and_logs_show_the_units(appliance: Appliance) -> None:
    states = {row["unit"]: row["state"] for row in appliance.cli("status")}
    assert states == {
        "postgres": "ready",
        "migrate": "done",
        "ingest": "ready",
        "webchat@1": "ready",
        "nginx": "ready",
        "ollama": "elsewhere",
    }
    assert "database system is ready" in appliance.run_cli("logs", "postgres").stdout
    unknown = appliance.run_cli("logs", "nonsense")
    assert unknown.returncode == ExitCode.FAILED
    assert "nonsense" in unknown.stderr


def test_restart_gives_a_unit_a_new_process(appliance: Appliance) -> None:
    before = appliance.unit("ingest")["pid"]
    appliance.cli("restart", "ingest")
    appliance.wait_for("ingest", "ready", unlike=before)
    assert httpx.get(f"{appliance.address}/health", trust_env=False).status_code == 200


_AUDIT = """
import json, psycopg, sys
with psycopg.connect(host=sys.argv[1], dbname="cloister", user="cloister") as connection:
    rows = connection.execute("SELECT actor, action, object FROM core.audit ORDER BY id")
    print(json.dumps(rows.fetchall()))
"""


def audited(appliance: Appliance) -> list[list[str]]:
    """Return actor, action and object of all that was recorded: only its account may look."""
    owner = appliance.home.stat()
    prefix = ["setpriv", f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    command = [sys.executable, "-c", _AUDIT, str(appliance.home / "run" / "postgres")]
    whole = [*prefix, *command] if os.geteuid() == 0 else command
    rows: list[list[str]] = json.loads(subprocess.check_output(whole, cwd="/"))
    return rows


def test_what_the_command_line_does_is_in_the_audit(
    appliance: Appliance, operator: Visitor
) -> None:
    appliance.cli("claim")
    appliance.cli("rescue")
    appliance.cli("start", "ingest")
    assert audited(appliance)[-3:] == [
        ["command line", "claim_code.create", ""],
        ["command line", "rescue_code.create", ""],
        ["command line", "unit.start", "ingest"],
    ]


def test_without_an_appliance_the_command_says_that_it_does_not_run() -> None:
    with home_folder() as home, running_appliance(home) as stopped:
        stopped.stop()
        answer = stopped.run_cli("status")
        assert answer.returncode == ExitCode.NOT_RUNNING
        assert "not running" in answer.stderr
        answer = stopped.run_cli("search", "anything")
        assert answer.returncode == ExitCode.NOT_RUNNING
        assert "Traceback" not in answer.stderr
        assert "CLOISTER_HOME" in answer.stderr
        assert "by itself" not in answer.stderr


def test_the_doctor_finds_a_clone_well(appliance: Appliance, operator: Visitor) -> None:
    found = appliance.cli("doctor", check=False)
    findings = {check["check"]: check for check in found["checks"]}
    assert found["healthy"], findings
    assert "Chat server 1" in findings["services"]["sentence"]
    assert findings["database"]["state"] == findings["schema"]["state"] == "ok"
