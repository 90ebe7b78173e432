"""Settings that restart what runs, and settings that can shut an operator out."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.trial.model import LASTS
from appliance.trial.record import read_trial, write_trial
from tests.appliance import Appliance, running_appliance, wait_until
from tests.e2e.visitor import Visitor, claimed
from tests.ports import free_port

SETTINGS = "/admin/settings"


def console_answers(port: int) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/admin/sign-in", trust_env=False, timeout=5)
    except httpx.TransportError:
        return False
    return answer.status_code == 200


def fields_of(page: str) -> dict[str, str]:
    """Return the form of the settings as the page has it."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(page, "html.parser")
    found = {str(each["name"]): str(each.get("value", "")) for each in soup.select("input[name]")}
    for each in soup.select("select[name]"):
        (chosen,) = each.select("option[selected]")
        found[str(each["name"])] = chosen.text
    return found


def try_port(operator: Visitor, port: int) -> str:
    """Change the port in the console; return the link that the answer shows."""
    fields = fields_of(operator.http.get(SETTINGS).text)
    answer = operator.http.post(SETTINGS, data={**fields, "web_port": str(port)})
    assert answer.status_code == 200, answer.text
    found = re.search(rf'href="(http://127\.0\.0\.1:{port}/admin/trial\?token=[^"]+)"', answer.text)
    assert found, answer.text
    return found[1]


def start_file(appliance: Appliance) -> Any:
    return json.loads((appliance.home / "settings/start.json").read_text())


def test_a_port_is_kept_when_the_operator_reaches_it(home: Path) -> None:
    old, new = free_port(), free_port()
    with running_appliance(home, port=old) as appliance, claimed(appliance) as operator:
        link = try_port(operator, new)
        wait_until(lambda: console_answers(new), "the new port to answer", 60)
        assert not console_answers(old)
        # At another host name a browser has no session: the token is enough.
        with Visitor(f"http://127.0.0.1:{new}") as visitor:
            page = visitor.http.get(link)
            assert "You reach this machine" in page.text
            (token,) = re.findall(r"token=(\S+)", link)
            kept = visitor.post("/admin/trial", link, token=token, action="confirm")
            assert (kept.status_code, kept.headers["location"]) == (303, SETTINGS)
            again = visitor.http.get(link)
            assert again.status_code == 410
        assert appliance.cli("setting", "get", "web_port")["value"] == new
        actions = appliance.cli("audit", "--action", "setting.change")
        assert [row["object_id"] for row in actions] == ["web_port"]
        assert actions[0]["actor"] == "ada"
    # The environment still names the old one.
    with running_appliance(home, port=old) as appliance:
        assert console_answers(new)
        assert not console_answers(old)


@pytest.mark.timeout(240)
def test_a_trial_outlives_a_killed_supervisor_and_the_old_port_comes_back(home: Path) -> None:
    old, new = free_port(), free_port()
    with running_appliance(home, port=old) as appliance, claimed(appliance) as operator:
        try_port(operator, new)
        wait_until(lambda: console_answers(new), "the new port to answer", 60)
        os.kill(appliance.process.pid, signal.SIGKILL)
        appliance.wait()
    let_most_of_it_pass(home / "state")
    with running_appliance(home, port=old) as appliance:
        # The time of the trial goes on; no browser comes back.
        wait_until(lambda: console_answers(old), "the old port to answer", 120)
        assert not console_answers(new)
        wait_until(lambda: not (home / "state/trial.json").exists(), "the trial to end")
        assert appliance.cli("setting", "get", "web_port")["value"] == old
        assert start_file(appliance)["CLOISTER_PORT"]["value"] == ""


def test_a_port_that_is_taken_is_undone_on_request(home: Path) -> None:
    old = free_port()
    with running_appliance(home, port=old) as appliance, claimed(appliance):
        tried = appliance.cli("setting", "set", "web_port", str(free_port()))
        assert tried["trial"]["seconds_left"] > 0
        assert tried["value"] == old
        wait_until(lambda: not console_answers(old), "the old port to be left")
        wait_until(lambda: statuses(appliance), "the supervisor to be back")
        assert appliance.cli("setting", "undo") == {"kind": "settings", "end": "undo"}
        wait_until(lambda: console_answers(old), "the old port to answer", 60)


def test_more_chat_servers_run_after_a_restart(home: Path) -> None:
    with running_appliance(home) as appliance, claimed(appliance):
        said = appliance.cli("setting", "set", "chat_processes", "2")
        assert (said["value"], said["restarting"], said["trial"]) == (2, True, None)
        wait_until(lambda: both_serve(appliance), "two chat servers", 90)
        assert start_file(appliance)["CLOISTER_CHAT_PROCESSES"]["value"] == "2"
        assert appliance.cli("setting", "reset", "chat_processes")["value"] == 1
        wait_until(lambda: alone(appliance), "one chat server", 90)


def let_most_of_it_pass(state: Path) -> None:
    """Change the record of a trial as if it had begun earlier."""
    trial = read_trial(state)
    assert trial is not None
    earlier = LASTS * 3 / 4
    write_trial(state, replace(trial, started=trial.started - earlier, ends=trial.ends - earlier))


def statuses(appliance: Appliance) -> dict[str, str]:
    found = appliance.run_cli("status", "--json")
    if found.returncode not in {0, 3}:
        return {}
    return {unit["unit"]: unit["state"] for unit in json.loads(found.stdout)}


def both_serve(appliance: Appliance) -> bool:
    found = statuses(appliance)
    return {found.get("webchat@1"), found.get("webchat@2")} == {"ready"}


def alone(appliance: Appliance) -> bool:
    found = statuses(appliance)
    return found.get("webchat@1") == "ready" and "webchat@2" not in found


def test_settings_with_which_the_supervisor_cannot_start_are_undone_at_once(home: Path) -> None:
    old = free_port()
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        running_appliance(home, port=old, CLOISTER_NGINX="off") as appliance,
    ):
        # Without Nginx the console has the next port, and that one is another program's.
        blocked = taken.getsockname()[1] - 1
        appliance.cli("setting", "set", "web_port", str(blocked))
        words = "Cloister does not start with settings on trial, which are undone"
        wait_until(lambda: words in appliance.output, "the supervisor to undo it", 60)
        wait_until(lambda: alone(appliance), "the chat server to be back", 60)
        assert not (home / "state/trial.json").exists()
        assert start_file(appliance)["CLOISTER_PORT"]["value"] == ""
