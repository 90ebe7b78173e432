"""What a step of the guided set-up gives to the page that all steps share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from appliance.actors.model import Actor
from appliance.web.forms import Form


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a step shows: its form as it is filled in now, and the rest of its template.

    `is_moving`: its page asks again and again for what changes, until that is over.
    """

    form: Form
    content: object
    is_moving: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """What came of saving a step.

    A step that is not `is_done` shows itself again. `once` is what its page shows this one time,
    such as a link. `answer` is a page of its own, which is shown in place of the next step.
    """

    is_done: bool = True
    once: object = None
    answer: web.Response | None = None


@dataclass(frozen=True, slots=True)
class StepView:
    """The two halves of a step. `save` marks wrong fields in the form, or raises ApplianceError.

    Its template is `_setup_STEP.html`.
    """

    load: Callable[[web.Request], Awaitable[Loaded]]
    save: Callable[[web.Request, Actor, Form], Awaitable[Saved]]
