"""Render pages from templates: a URL answers with the whole page or with the part for htmx.

A page is a frozen dataclass; its template receives it as `page` and nothing else. A region that
is sent alone is a block of the page's own template; a repeated row is a macro. The macros of the
kit are the global `ui`, those of a site's `_rows.html` the global `rows`. They are globals because
rendering a single block does not run the `import` statements of its template.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Protocol
from urllib.parse import quote, urlencode

import jinja2
from aiohttp import web

from appliance.web import formats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.core.clock import Clock
    from appliance.core.errors import ApplianceError
    from appliance.web.assets import Assets

_MACROS = "_ui.html"
_ROWS = "_rows.html"


class Site(StrEnum):
    """Which of the two sites a page belongs to."""

    CHAT = "chat"
    CONSOLE = "console"


class FlashKind(StrEnum):
    """The tone of a message that is shown once."""

    GOOD = "good"
    BAD = "bad"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Flash:
    """A message that the next page shows once."""

    text: str
    kind: FlashKind = FlashKind.GOOD


@dataclass(frozen=True, slots=True)
class Person:
    """The signed-in person, as the frame shows them."""

    name: str
    role: str
    may_use_console: bool = False


@dataclass(frozen=True, slots=True)
class TrialNotice:
    """A change that is undone after so many seconds, unless it is confirmed on the page `href`."""

    seconds: int
    href: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The values around the content of every page."""

    title: str
    site: Site
    csrf: str = ""
    person: Person | None = None
    current: str = ""
    flash: Flash | None = None
    # Of the program, where a page shows it at its foot.
    version: str | None = None
    # What an operator says to everybody, and what is on trial.
    banner: str = ""
    trial: TrialNotice | None = None


class Page(Protocol):
    """The value that a template receives."""

    template: ClassVar[str]

    @property
    def frame(self) -> Frame:
        """The values around the content."""
        ...


class Renderer:
    """The templates of the kit and of one site."""

    def __init__(self, *, packages: Sequence[str] = (), assets: Assets, clock: Clock) -> None:
        """Load `templates/` of each package, the first one first, and the kit's own last."""
        folders = [jinja2.PackageLoader(package) for package in (*packages, "appliance.web")]
        self._environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader(folders),
            undefined=jinja2.StrictUndefined,
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        names = self._environment.globals
        names.update(url=url, static=assets.url, now=clock.now)
        names.update(size=formats.size, duration=formats.duration, count_of=formats.count_of)
        names.update(relative=formats.relative, state_label=formats.state_label)
        names["ui"] = self._environment.get_template(_MACROS).module
        if _ROWS in self._environment.list_templates():
            names["rows"] = self._environment.get_template(_ROWS).module

    def page(
        self,
        request: web.Request,
        page: Page,
        *,
        block: str | None = None,
        status: int = 200,
        refusal: ApplianceError | None = None,
    ) -> web.Response:
        """Answer with the whole page, or with `block` alone when htmx asks for a part.

        `refusal` is the error that the page shows: it may know when the request succeeds.
        """
        if block is not None and wants_fragment(request):
            text = self.fragment(page.template, block, page)
        else:
            text = self.text(page)
        headers = {"Vary": "HX-Request"}
        if refusal is not None and refusal.retry_after is not None:
            headers["Retry-After"] = str(refusal.retry_after)
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)

    def text(self, page: Page) -> str:
        """Return the whole page."""
        return self._environment.get_template(page.template).render(page=page)

    def fragment(self, template: str, block: str, page: object) -> str:
        """Return one block of a template. Raises KeyError if the template has no such block."""
        loaded = self._environment.get_template(template)
        return "".join(loaded.blocks[block](loaded.new_context({"page": page})))

    def row(self, name: str, *arguments: object) -> str:
        """Render the macro `name` of the site's `_rows.html` with `arguments`."""
        macro = getattr(self._environment.get_template(_ROWS).module, name)
        return str(macro(*arguments))


def wants_fragment(request: web.Request) -> bool:
    """Tell whether htmx asks for a part; boosted links and history need the whole page."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-Boosted") != "true"
        and headers.get("HX-History-Restore-Request") != "true"
    )


def url(path: str, /, **values: object) -> str:
    """Return a URL: `{names}` in the path are filled, other values become the query.

    `url("/documents/{id}", id=document.id, page=3)` gives `/documents/…?page=3`; None is left out.
    """
    query: dict[str, str] = {}
    for name, value in values.items():
        placeholder = f"{{{name}}}"
        if placeholder in path:
            path = path.replace(placeholder, quote(str(value), safe=""))
        elif value is not None:
            query[name] = str(value)
    return f"{path}?{urlencode(query)}" if query else path
