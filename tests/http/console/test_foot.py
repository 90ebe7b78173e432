"""The foot of the console's pages names the version."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from tests.http.conftest import VERSION
from tests.http.console.conftest import ConsoleBrowser


@pytest.mark.parametrize(
    ("path", "status"), [("/admin/", 200), ("/admin/people", 200), ("/admin/no-such-page", 404)]
)
async def test_each_page_names_the_version(as_olga: ConsoleBrowser, path: str, status: int) -> None:
    page = BeautifulSoup(await as_olga.text(path, status), "html.parser")
    foot = page.select_one("body > footer")
    assert foot
    assert foot.text == f"Cloister {VERSION}"


@pytest.mark.usefixtures("olga")
async def test_an_operator_who_cannot_sign_in_sees_it(nobody: ConsoleBrowser) -> None:
    assert f"Cloister {VERSION}</footer>" in await nobody.text("/admin/sign-in")
