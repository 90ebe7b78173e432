"""The page of settings: what is shown, inline errors, and what is saved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

from admin.pages import settings as page_module
from appliance.accounts.model import Account
from appliance.core.settings import Settings
from appliance.core.variables import MEBIBYTE
from appliance.db.pool import Database
from appliance.settings.model import ENTRIES
from appliance.settings.service import OperatorSettings
from tests.http.console.conftest import ConsoleBrowser

PATH = "/admin/settings"
UNCHANGED = {
    "upload_limit": "200000 B",
    "context_tokens": "8192",
    "allowed_models": "none",
    "job_days": "60",
}


@pytest.fixture
def chosen(database: Database, settings: Settings) -> OperatorSettings:
    return OperatorSettings(database, settings)


def field(page: str, name: str) -> Tag:
    found = BeautifulSoup(page, "html.parser").select_one(f'input[name="{name}"]')
    assert found is not None
    return found


async def test_every_entry_is_shown_with_its_value_and_default(as_olga: ConsoleBrowser) -> None:
    page = await as_olga.text(PATH)
    assert {name: field(page, name)["value"] for name in UNCHANGED} == UNCHANGED
    for entry in ENTRIES:
        assert entry.title in page
        assert entry.help in page
    # The value of the environment, and where it is from.
    assert "Default: 200000 B, from CLOISTER_UPLOAD_LIMIT" in page


async def test_what_is_typed_is_saved_and_only_that(
    as_olga: ConsoleBrowser, chosen: OperatorSettings, database: Database
) -> None:
    answer = await as_olga.post(PATH, UNCHANGED | {"context_tokens": "4096"})
    assert (answer.status, answer.headers["Location"]) == (303, PATH)
    assert (await chosen.get("context_tokens")).value == 4096
    async with database.connection() as connection:
        rows = await connection.execute("SELECT name FROM core.setting")
        assert await rows.fetchall() == [("context_tokens",)]
    assert "Set by olga" in await as_olga.text(PATH)
    await as_olga.post(PATH, UNCHANGED | {"context_tokens": ""})
    assert (await chosen.get("context_tokens")).value == 8192


async def test_wrong_values_are_marked_and_nothing_is_saved(
    as_olga: ConsoleBrowser, chosen: OperatorSettings
) -> None:
    typed = {"upload_limit": "5 MB", "context_tokens": "a lot", "job_days": "0"}
    answer = await as_olga.post(PATH, typed)
    page = await answer.text()
    assert answer.status == 422
    assert {name: field(page, name)["value"] for name in typed} == typed
    for name in ("context_tokens", "job_days"):
        marked = field(page, name)
        assert marked["aria-invalid"] == "true"
        error = BeautifulSoup(page, "html.parser").find(id=f"error-{name}")
        assert error is not None
        assert f"error-{name}" in str(marked["aria-describedby"])
        assert "This must be from" in error.text
    assert "aria-invalid" not in field(page, "upload_limit").attrs
    assert (await chosen.get("upload_limit")).value == 200_000


async def test_sizes_may_have_a_unit(as_olga: ConsoleBrowser, chosen: OperatorSettings) -> None:
    await as_olga.post(PATH, UNCHANGED | {"upload_limit": "7 mb"})
    assert (await chosen.get("upload_limit")).value == 7 * MEBIBYTE


async def test_names_are_saved_as_a_list(
    as_olga: ConsoleBrowser, chosen: OperatorSettings, database: Database
) -> None:
    await as_olga.post(PATH, UNCHANGED | {"allowed_models": "mistral:7b, llama3.2"})
    assert (await chosen.get("allowed_models")).value == ("mistral:7b", "llama3.2")
    assert field(await as_olga.text(PATH), "allowed_models")["value"] == "mistral:7b, llama3.2"
    answer = await as_olga.post(PATH, UNCHANGED | {"allowed_models": "<b>"})
    assert answer.status == 422
    async with database.connection() as connection:
        rows = await connection.execute("SELECT detail FROM core.audit")
        assert await rows.fetchall() == [
            ({"from": "", "to": "mistral:7b, llama3.2", "source": "operator"},)
        ]


async def test_members_see_no_settings(as_alice: ConsoleBrowser) -> None:
    assert (await as_alice.get(PATH)).status in {303, 403}
    assert (await as_alice.post(PATH, UNCHANGED)).status == 403


class TestPackaged:
    """What the package reads at the start is shown where it is wrong."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, packaged=True, runtime=settings.run)

    async def test_a_wrong_line_of_the_file_is_shown(
        self, as_olga: ConsoleBrowser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "cloister.env"
        monkeypatch.setattr(page_module, "ENVIRONMENT_FILE", file)
        assert "Something is wrong" not in await as_olga.text(PATH)
        file.write_text("CLOISTER_UPLOAD_LIMT=5\n")
        page = await as_olga.text(PATH)
        assert "Line 1: CLOISTER_UPLOAD_LIMT is not a setting" in page


async def test_the_audit_says_who_changed_what(
    as_olga: ConsoleBrowser, olga: Account, database: Database
) -> None:
    await as_olga.post(PATH, UNCHANGED | {"job_days": "90"})
    async with database.connection() as connection:
        rows = await connection.execute(
            "SELECT actor, object, detail FROM core.audit WHERE action = 'setting.change'"
        )
        assert await rows.fetchall() == [
            (olga.name, "job_days", {"from": 60, "to": 90, "source": "operator"})
        ]
