"""The appliance as a whole: it starts, goes on with its data, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import httpx
import pytest

from tests.appliance import (
    IN_THE_BACKGROUND,
    Appliance,
    processes_of,
    running_appliance,
    wait_until,
)
from tests.builders import documents
from tests.e2e.visitor import PASSWORD, Visitor, claimed, program
from tests.ports import free_port

STATUTE = "The reading room opens at seven and closes when the last lamp is out."


def test_the_first_start_prints_the_address_and_a_claim_link(home: Path) -> None:
    with running_appliance(home) as appliance:
        assert f"Chat      {appliance.address}/" in appliance.lines
        assert f"Console   {appliance.address}/admin/" in appliance.lines
        assert appliance.claim_link.startswith(f"{appliance.address}/admin/claim#")
        assert httpx.get(f"{appliance.address}/health", trust_env=False).status_code == 200


def test_the_second_start_goes_on_with_the_same_data(home: Path) -> None:
    port = free_port()
    with running_appliance(home, port=port) as appliance, claimed(appliance):
        path = documents.written(home.parent / "statute.txt", STATUTE)
        rows = appliance.cli("ingest", str(path))
        assert [row["state"] for row in rows] == ["ready"], rows
    with running_appliance(home, port=port) as appliance, Visitor(appliance.address) as visitor:
        assert "This machine has no operator yet" not in appliance.output
        assert visitor.sign_in().status_code == 303
        found = appliance.cli("search", "When does the reading room open?")
        assert found[0]["file"] == "statute.txt"


def test_ctrl_c_stops_it_and_leaves_no_process(home: Path) -> None:
    with running_appliance(home) as appliance:
        assert appliance.stop(signal.SIGINT) == 0
        assert processes_of(home) == []
    assert_stopped_in_order(appliance)


def test_in_the_background_it_outlives_the_terminal_and_ctrl_c(home: Path) -> None:
    with running_appliance(home, starter=IN_THE_BACKGROUND) as appliance, claimed(appliance):
        for number in (signal.SIGHUP, signal.SIGINT):
            appliance.process.send_signal(number)
        path = documents.written(home.parent / "statute.txt", STATUTE)
        assert [row["state"] for row in appliance.cli("ingest", str(path))] == ["ready"]
        assert appliance.stop(signal.SIGTERM) == 0
        assert processes_of(home) == []
    assert_stopped_in_order(appliance)


def assert_stopped_in_order(appliance: Appliance) -> None:
    home = appliance.home
    assert appliance.lines[-2:] == ["Stopping …", "Stopped."]
    stopped = re.findall(r"stop (\S+): Cloister stops", (home / "log/supervisor.log").read_text())
    assert set(stopped) == {"nginx", "webchat@1", "ingest", "postgres"}
    assert stopped.index("nginx") < stopped.index("webchat@1") < stopped.index("postgres")
    assert stopped[-1] == "postgres"


def test_no_process_runs_as_root(home: Path) -> None:
    with running_appliance(home) as appliance:
        found = processes_of(home)
        assert appliance.process.pid in found
        owners = {pid: Path(f"/proc/{pid}").stat().st_uid for pid in found}
        assert len(owners) > 5
        assert 0 not in owners.values(), owners


def test_a_second_appliance_on_the_same_folder_is_refused(home: Path) -> None:
    with running_appliance(home) as appliance:
        before = appliance.status()
        with pytest.raises(AssertionError, match="already runs"), running_appliance(home):
            pass
        assert appliance.status() == before
        assert httpx.get(f"{appliance.address}/health", trust_env=False).status_code == 200


def test_without_nginx_the_chat_and_the_console_have_a_port_each(home: Path) -> None:
    with running_appliance(home, CLOISTER_NGINX="off") as appliance:
        console = f"http://127.0.0.1:{appliance.port + 1}"
        assert f"Console   {console}/admin/" in appliance.lines
        assert any("nginx" in line and "off:" in line for line in appliance.lines)
        assert appliance.claim_link.startswith(f"{console}/admin/claim#")
        with Visitor(console) as visitor:
            visitor.claim(appliance.claim_link)
            assert visitor.http.get("/admin/").status_code == 200
            # The host is the same, and so the session: the chat knows the operator already.
            assert visitor.http.get(f"{appliance.address}/").status_code == 200


def test_without_a_model_runner_passages_answer(home: Path) -> None:
    with running_appliance(home) as appliance, claimed(appliance):
        path = documents.written(home.parent / "statute.txt", STATUTE)
        appliance.cli("ingest", str(path))
        answer = appliance.cli("ask", "When does the reading room open?")
    assert answer["kind"] == "quoted"
    assert "opens at seven" in answer["answer"]
    assert [citation["file"] for citation in answer["citations"]] == ["statute.txt"]


def test_after_a_killed_supervisor_the_next_start_cleans_up(home: Path) -> None:
    port = free_port()
    with running_appliance(home, port=port) as first, claimed(first) as operator:
        token = operator.token("/")
        question = operator.ask("What was asked before the fall?", token)
        with program(first) as client:
            acknowledged = [
                client.upload(f"note {number}.txt", f"{STATUTE} Note {number}.".encode())
                for number in range(5)
            ]
        assert [answer.status_code for answer in acknowledged] == [202] * 5
        left = _kill(first)
        with running_appliance(home, port=port) as second, Visitor(second.address) as visitor:
            running = set(processes_of(home))
            assert running.isdisjoint(left), "a process of the first start is still there"
            visitor.sign_in("ada", PASSWORD)
            assert visitor.questions_in(question) == 1
            with program(second) as client:
                for answer in acknowledged:
                    assert client.finished(answer.json()["id"])["status"] == "ready"
                assert client.http.get("/api/documents").json()["total"] == 5
    assert processes_of(home) == []


def test_what_was_done_in_an_outage_is_in_the_audit_after_a_crash(home: Path) -> None:
    port = free_port()
    with running_appliance(home, port=port) as first, claimed(first):
        first.cli("stop", "postgres")
        first.wait_for("postgres", "stopped")
        first.cli("rescue")
        first.cli("stop", "ingest")
        _kill(first)
        with running_appliance(home, port=port) as second:
            second.cli("start", "postgres")
            second.wait_for("postgres", "ready")

            def late() -> list[str]:
                rows = second.cli("audit", check=False)
                found = rows if isinstance(rows, list) else []
                return [row["action"] for row in reversed(found) if row["happened_at"]]

            wait_until(lambda: len(late()) >= 2, "the notes of the outage to be added")
            # Once, and in their order.
            assert late()[:2] == ["rescue_code.create", "unit.stop"]
            verified = second.cli("audit", "verify")
            assert (verified["whole"], verified["anchors"]) == (True, 1)
            assert verified["entries"] == len(second.cli("audit"))


def _kill(appliance: Appliance) -> set[int]:
    """Kill the supervisor alone; return what it leaves running."""
    os.kill(appliance.process.pid, signal.SIGKILL)
    appliance.process.wait(10)
    left = set(processes_of(appliance.home))
    assert len(left) > 3, "the units outlive a killed supervisor until the next start"
    return left
