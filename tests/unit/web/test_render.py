"""Pages, parts of pages, and the macros that both are made of."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, ClassVar

import jinja2
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from bs4 import BeautifulSoup

from appliance.web import render
from appliance.web.render import Frame, Renderer, Site, url
from tests.unit.web.pages import PatternsPage, a_frame, renderer

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = """{% extends '_layout.html' %}
{% block main %}<h1>{{ page.frame.title }}</h1>
{% block part %}<div id="part">{{ ui.badge('ready') }}
{{ ui.csrf(page.frame.csrf) }}</div>{% endblock %}
{% endblock %}
"""


@dataclass(frozen=True, slots=True)
class SmallPage:
    template: ClassVar[str] = "small.html"

    frame: Frame


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Renderer:
    package = tmp_path / "small_site"
    (package / "templates").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "templates" / "small.html").write_text(TEMPLATE)
    (package / "templates" / "_rows.html").write_text(
        "{% macro row(word) %}<li>{{ ui.icon('file') }}{{ word }}</li>{% endmacro %}"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return renderer("small_site")


def asked(**headers: str) -> web.Request:
    return make_mocked_request("GET", "/", {k.replace("_", "-"): v for k, v in headers.items()})


def test_it_answers_with_a_whole_page(small: Renderer) -> None:
    response = small.page(asked(), SmallPage(a_frame()), block="part")
    assert response.text is not None
    assert response.text.lstrip().startswith("<!DOCTYPE html>")
    assert response.headers["Vary"] == "HX-Request"


def test_it_answers_htmx_with_the_block_alone(small: Renderer) -> None:
    response = small.page(asked(HX_Request="true"), SmallPage(a_frame()), block="part", status=422)
    assert response.text is not None
    assert response.text.startswith('<div id="part">')
    assert response.status == 422
    assert response.headers["Vary"] == "HX-Request"


@pytest.mark.parametrize("header", ["HX_Boosted", "HX_History_Restore_Request"])
def test_it_gives_boosted_links_and_history_the_whole_page(small: Renderer, header: str) -> None:
    request = asked(HX_Request="true", **{header: "true"})
    response = small.page(request, SmallPage(a_frame()), block="part")
    assert response.text is not None
    assert "<!DOCTYPE html>" in response.text


def test_a_block_alone_is_the_same_as_in_its_page(small: Renderer) -> None:
    page = SmallPage(a_frame())
    assert small.fragment("small.html", "part", page).strip() in small.text(page)


def test_a_row_is_rendered_alone_with_the_macros_of_the_kit(small: Renderer) -> None:
    assert small.row("row", "<x>").endswith("&lt;x&gt;</li>")
    assert 'href="#icon-file"' in small.row("row", "y")


def test_an_unknown_name_in_a_template_is_an_error(small: Renderer) -> None:
    with pytest.raises(jinja2.UndefinedError):
        small.text(SmallPage(None))  # type: ignore[arg-type]


def test_every_part_renders_and_escapes_what_people_typed() -> None:
    text = renderer().text(PatternsPage())
    assert "<script>alert" not in text
    assert "Ágnes &lt;b&gt;" in text
    page = BeautifulSoup(text, "html.parser")
    assert page.select_one("#field-name[aria-invalid=true][aria-describedby~=error-name]")
    assert all(form.select_one("[name=csrf]") for form in page.select("form[method=post]"))
    assert [link["href"] for link in page.select(".top__nav a[aria-current]")] == ["/library"]


def test_a_badge_shows_the_label_of_a_state() -> None:
    page = BeautifulSoup(renderer().text(PatternsPage()), "html.parser")
    labels = [badge.text for badge in page.select(".badge")]
    assert "set aside" in labels
    assert "quarantined" not in labels


def test_pages_hold_no_inline_script_or_style() -> None:
    page = BeautifulSoup(renderer().text(PatternsPage(a_frame(Site.CONSOLE))), "html.parser")
    assert all(script.get("src") for script in page.find_all("script"))
    assert not page.find_all("style")
    for element in page.find_all(True):
        assert not [name for name in element.attrs if name == "style" or name.startswith("on")]


def test_every_icon_that_a_template_names_is_drawn() -> None:
    sheet = resources.files("appliance.web").joinpath("templates/_icons.html").read_text("utf-8")
    page = BeautifulSoup(renderer().text(PatternsPage()), "html.parser")
    used = {use["href"][1:] for use in page.find_all("use")}
    assert used
    assert all(f'id="{name}"' in sheet for name in used)


@pytest.mark.parametrize("package", ["webchat", "admin"])
def test_every_template_of_the_sites_compiles(package: str) -> None:
    folders = [jinja2.PackageLoader(name) for name in (package, "appliance.web")]
    environment = jinja2.Environment(loader=jinja2.ChoiceLoader(folders), autoescape=True)
    for name in environment.list_templates():
        environment.get_template(name)


def test_urls_fill_the_path_and_put_the_rest_into_the_query() -> None:
    assert url("/documents/{id}", id="a/b", page=3, query=None) == "/documents/a%2Fb?page=3"
    assert url("/library", query="ä b", page="") == "/library?query=%C3%A4+b&page="


def test_only_a_plain_htmx_request_wants_a_part() -> None:
    assert render.wants_fragment(asked(HX_Request="true"))
    assert not render.wants_fragment(asked())
