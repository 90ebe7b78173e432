"""The database is stopped: the console goes on, says what is wrong, and starts it again."""

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
    # The console must have seen the operator while the database could still tell who it is.
    assert operator.http.get("/admin/").status_code == 200
    stop = operator.post("/admin/units/postgres/stop", "/admin/units/postgres")
    assert stop.status_code == 303
    appliance.wait_for("postgres", "stopped")
    yield
    if appliance.unit("postgres")["state"] != "ready":
        appliance.cli("start", "postgres")
        appliance.wait_for("postgres", "ready")


@pytest.mark.usefixtures("outage")
def test_the_console_works_for_an_operator_who_is_signed_in(operator: Visitor) -> None:
    page = operator.http.get("/admin/")
    assert page.status_code == 200
    for name in ("postgres", "ingest", "webchat@1", "nginx"):
        assert f'id="unit-{name}"' in page.text
    assert STOPPED.search(page.text)
    assert "by itself" not in page.text
    unit = operator.http.get("/admin/units/postgres")
    assert unit.status_code == 200
    assert "shut down" in unit.text, "its log is not there"
    for place in ("ingest", "jobs", "people", "models", "settings"):
        path = f"/admin/{place}"
        answer = operator.http.get(path)
        assert answer.status_code in {200, 503}, f"{path}: {answer.status_code}"
        assert "does not answer" in answer.text, path


@pytest.mark.usefixtures("outage")
def test_a_rescue_code_opens_the_console(appliance: Appliance) -> None:
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


@pytest.mark.usefixtures("outage")
def test_started_again_from_the_console_everything_goes_on(
    appliance: Appliance, operator: Visitor, client: Program
) -> None:
    token = operator.token("/admin/")
    assert operator.http.post(START, data={"csrf": token}).status_code == 303
    appliance.wait_for("postgres", "ready")

    def goes_on() -> bool:
        return operator.http.get("/library").status_code == 200

    wait_until(goes_on, "the chat to go on", within=10)
    sent = client.upload("cellar.txt", FACT.encode())
    assert client.finished(sent.json()["id"])["status"] == "ready"
    assert "eleven barrels" in client.ask("How many barrels of cider are in the cellar?").text
    assert appliance.status()["ingest"] == "ready"
