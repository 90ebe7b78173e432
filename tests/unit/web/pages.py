"""A page that shows every part, and what is needed to render it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from markupsafe import Markup

from appliance.web.assets import Assets
from appliance.web.forms import Form
from appliance.web.markdown import render
from appliance.web.render import Flash, FlashKind, Frame, Person, Renderer, Site
from tests.fakes.clock import FakeClock

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def renderer(*packages: str) -> Renderer:
    return Renderer(packages=packages, assets=Assets(packages), clock=FakeClock(NOON))


def wrong_form() -> Form:
    form = Form({"name": '"><script>alert(1)</script>', "role": "member"})
    form.fail("name", "Small letters only, please.")
    return form


def a_frame(site: Site = Site.CHAT) -> Frame:
    return Frame(
        title="Patterns <1>",
        site=site,
        csrf="token-1'2",
        person=Person("Ágnes <b>", "operator"),
        current="library",
        flash=Flash("Saved.", FlashKind.GOOD),
    )


@dataclass(frozen=True, slots=True)
class PatternsPage:
    template: ClassVar[str] = "_patterns.html"

    frame: Frame = field(default_factory=a_frame)
    form: Form = field(default_factory=wrong_form)
    moment: datetime = NOON
    log: tuple[str, ...] = ("ready <now>",)
    prose: Markup = field(default_factory=lambda: render("It ends in May [1].", {1: "/p"}))
