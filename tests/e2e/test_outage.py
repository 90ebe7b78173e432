"""The database is stopped: a rescue code opens the console, which starts it again."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from appliance.cli.output import ExitCode
from tests.appliance import Appliance, wait_until
from tests.e2e.visitor import Program, Visitor

START = "/admin/units/postgres/start"
STOPPED = re.compile(r"The database (was|is) stopped (by|since) ")
FACT = "The cellar holds eleven barrels of cider."


@pytest.fixture
def outage(appliance: Appliance, operator: Visitor, client: Program) -> Iterator[None]:
    """PostgreSQL, stopped by the operator in the console; started again afterwards."""
    stop = operator.post("/admin/units/postgres/stop", "/admin/units/postgres")
    assert stop.status_code == 303
    appliance.wait_for("postgres", "stopped")
    yield
    if appliance.unit("postgres")["state"] != "ready":
        appliance.cli("start", "postgres")
        appliance.wait_for("postgres", "ready")


@pytest.fixture
def rescuer(appliance: Appliance, outage: None) -> Iterator[Visitor]:
    """The console during the outage, opened with a rescue code."""
    code = appliance.cli("rescue")["code"]
    with Visitor(appliance.address) as visitor:
        opened = visitor.post("/admin/rescue", "/admin/rescue", code=code)
        assert opened.status_code == 303, opened.text
        yield visitor


@pytest.mark.usefixtures("outage")
def test_a_signed_in_operator_learns_how_to_get_in(operator: Visitor) -> None:
    answer = operator.http.get("/admin/", headers={"Accept": "text/html"})
    assert answer.status_code == 303
    page = operator.http.get(answer.headers["Location"])
    assert "cloister rescue" in page.text


def test_the_console_works_for_the_holder_of_a_rescue_code(rescuer: Visitor) -> None:
    page = rescuer.http.get("/admin/")
    assert page.status_code == 200
    for name in ("postgres", "ingest", "webchat@1", "nginx"):
        assert f'id="unit-{name}"' in page.text
    assert STOPPED.search(page.text)
    assert "by itself" not in page.text
    unit = rescuer.http.get("/admin/units/postgres")
    assert unit.status_code == 200
    assert "shut down" in unit.text, "its log is not there"
    for place in ("ingest", "jobs", "models"):
        path = f"/admin/{place}"
        answer = rescuer.http.get(path)
        assert answer.status_code in {200, 503}, f"{path}: {answer.status_code}"
        assert "does not answer" in answer.text, path


@pytest.mark.usefixtures("outage")
def test_a_rescue_code_works_once(appliance: Appliance) -> None:
    answer = appliance.cli("rescue")
    with Visitor(appliance.address) as visitor:
        assert answer["address"] == f"{appliance.address}/admin/rescue"
        opened = visitor.post("/admin/rescue", answer["address"], code=answer["code"])
        assert opened.status_code == 303, opened.text
        assert 'id="unit-postgres"' in visitor.http.get("/admin/").text
    with Visitor(appliance.address) as another:
        again = another.post("/admin/rescue", "/admin/rescue", code=answer["code"])
        assert again.status_code >= 400, "the code works twice"


@pytest.mark.usefixtures("outage")
def test_the_chat_and_the_api_say_what_is_wrong(
    appliance: Appliance, operator: Visitor, client: Program
) -> None:
    page = operator.http.get("/library", headers={"Accept": "text/html"})
    assert page.status_code == 503
    assert "The database does not answer at the moment." in page.text
    assert "<main" in page.text
    answer = client.http.get("/api/documents")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "database_unavailable"
    assert httpx.get(f"{appliance.address}/health", trust_env=False).status_code == 200
    refused = appliance.run_cli("search", "anything")
    assert "Traceback" not in refused.stderr
    assert "does not answer" in refused.stderr
    assert "by itself" not in f"{page.text} {answer.text} {refused.stderr}"
    stopped = appliance.run_cli("status")
    assert stopped.returncode == ExitCode.NOT_READY
    assert STOPPED.search(stopped.stdout)
    assert httpx.get(f"{appliance.address}/ready", trust_env=False).status_code == 503


def test_started_again_from_the_console_everything_goes_on(
    appliance: Appliance, operator: Visitor, rescuer: Visitor, client: Program
) -> None:
    token = rescuer.token("/admin/")
    assert rescuer.http.post(START, data={"csrf": token}).status_code == 303
    appliance.wait_for("postgres", "ready")

    def goes_on() -> bool:
        return operator.http.get("/library").status_code == 200

    wait_until(goes_on, "the chat to go on", within=10)
    sent = client.upload("cellar.txt", FACT.encode())
    assert client.finished(sent.json()["id"])["status"] == "ready"
    assert "eleven barrels" in client.ask("How many barrels of cider are in the cellar?").text
    assert appliance.status()["ingest"] == "ready"
