"""`cloister setting` shows, changes and resets what operators set, also on trial."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.connection import RefusedError
from appliance.cli.context import Context
from appliance.cli.output import ExitCode, Output
from appliance.core.clock import SystemClock
from appliance.core.settings import Settings
from appliance.core.start_settings import read_values, texts_of
from appliance.db.pool import Database
from appliance.settings.errors import SettingInvalidError
from tests.builders.cli import run_verb, serving_control
from tests.builders.services import services_of

Say = Callable[..., Awaitable[str]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, host="box", nginx="/usr/sbin/nginx")


@pytest.fixture
async def serving(settings: Settings, database: Database) -> AsyncIterator[None]:
    services = services_of(database, settings=settings)
    async with serving_control(settings, services):
        yield


@pytest.fixture
def say(settings: Settings, serving: None, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run `cloister setting …` and return what it prints."""

    async def run(*words: str, as_json: bool = False) -> str:
        context = Context(settings, SystemClock(), Output(as_json=as_json))
        assert await run_verb(context, "setting", *words) is ExitCode.DONE
        return capsys.readouterr().out

    return run


async def as_json(say: Say, *words: str) -> Any:
    return json.loads(await say(*words, as_json=True))


async def test_a_change_says_what_it_restarts(say: Say, settings: Settings) -> None:
    assert await say("set", "banner_text", "Closed tonight") == (
        "banner_text is now Closed tonight. It takes effect at once; nothing is restarted.\n"
    )
    assert await say("set", "generation_slots", "8") == (
        "generation_slots is now 8. The services restart now.\n"
    )
    assert texts_of(read_values(settings.start_file)) == {"CLOISTER_GENERATION_SLOTS": "8"}
    assert "banner_text is now none." in await say("reset", "banner_text")


async def test_the_list_says_everything_about_each(say: Say) -> None:
    await say("set", "job_days", "5")
    rows = {row["name"]: row for row in await as_json(say, "list")}
    row = rows["job_days"]
    assert (row["value"], row["default"], row["source"]) == (5, 60, "operator")
    assert row["changed_by"] == "command line"
    assert row["changed_at"]
    assert rows["chat_processes"]["restarts"] == ["database", "chat servers", "web server"]
    assert [name for name, row in rows.items() if row["on_trial"]] == [
        "host",
        "host_names",
        "web_port",
    ]
    listed = await say("list")
    assert "by command line" in listed
    assert "that of this machine" in listed


@pytest.mark.parametrize(
    ("end", "sentence", "value"),
    [
        ("confirm", "The change is confirmed.\n", ["chat", "box.example"]),
        ("undo", "The change is undone.\n", []),
    ],
)
async def test_a_trial_is_ended(
    say: Say, settings: Settings, end: str, sentence: str, value: list[str]
) -> None:
    said = await say("set", "host_names", "chat, box.example")
    assert "is on trial, and is undone in 60 seconds" in said
    assert "http://127.0.0.1:8080" in said
    assert (await as_json(say, "get", "host_names"))["value"] == []
    with pytest.raises(RefusedError) as refused:
        await say("set", "host", "other")
    assert refused.value.as_json()["code"] == "trial_running"
    assert await say(end) == sentence
    assert (await as_json(say, "get", "host_names"))["value"] == value
    texts = texts_of(read_values(settings.start_file))
    assert texts == ({"CLOISTER_HOST_NAMES": " ".join(value)} if value else {})
    with pytest.raises(RefusedError) as refused:
        await say(end)
    assert refused.value.as_json()["code"] == "trial_over"


async def test_a_trial_tells_programs_where_to_look(say: Say) -> None:
    found = await as_json(say, "set", "web_port", "9000")
    assert found["trial"].keys() == {"kind", "ends", "seconds_left", "addresses"}
    assert found["trial"]["addresses"] == ["http://127.0.0.1:9000"]
    assert (found["value"], found["restarting"]) == (8080, True)


async def test_bad_values_are_refused_before_anything_is_asked(say: Say) -> None:
    for name, value in (("time_zone", "Mars"), ("host_names", "a b_c"), ("web_port", "0")):
        with pytest.raises(SettingInvalidError):
            await say("set", name, value)
