"""The models on this machine, and which of them answers and searches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aiohttp import web

from admin import keys
from admin.database_breaker import Partial
from admin.frame import frame
from appliance.accounts.guard import permitted
from appliance.actors.permissions import Permission
from appliance.core.errors import ApplianceError, Audience, Words
from appliance.health.service_words import MODEL_RUNNER
from appliance.llm.choice import Chosen, Purpose, Use, missing, uses
from appliance.llm.model import InstalledModel
from appliance.llm.runner_errors import RunnerMissingError
from appliance.web import flash
from appliance.web.forms import read_form
from appliance.web.render import Frame

MODELS = "/admin/models"


@dataclass(frozen=True, slots=True)
class Card:
    """One model as the page shows it: what it is used for, and what it could be used for.

    `choices` are the purposes that it suits and was not chosen for; each gets a button.
    """

    model: InstalledModel
    used_for: tuple[Use, ...]
    good_for: tuple[Purpose, ...]
    choices: tuple[Purpose, ...]


@dataclass(frozen=True, slots=True)
class ModelsHere:
    """What is known of the models, or why it is not.

    `own_runner` is the service that runs models here, and `folder` where they belong; both are
    None when another machine's runner is used. `missing` are models that were chosen and are not
    installed; `silence` says why the runner does not answer, `needs_runner` that there is none.
    """

    cards: list[Card]
    missing: list[tuple[Purpose, str]]
    silence: Words | None
    needs_runner: bool
    packaged: bool
    chosen: Partial[Chosen]
    own_runner: str | None
    folder: Path | None
    runner_address: str


@dataclass(frozen=True, slots=True)
class ModelsPage:
    """What the page shows."""

    template: ClassVar[str] = "models.html"

    frame: Frame
    here: ModelsHere
    error: ApplianceError | None = None


async def show_models(request: web.Request) -> web.Response:
    """GET /admin/models, and for htmx the list alone."""
    return await _answer(request)


async def choose(request: web.Request) -> web.Response:
    """POST /admin/models/choose."""
    actor = permitted(request, Permission.CHOOSE_MODELS)
    form = await read_form(request)
    purpose = form.choice("purpose", tuple(Purpose))
    name = form.text("model")
    if not form.valid:
        return await _answer(request, status=422)
    try:
        model = await request.app[keys.CHOICE].choose(actor, Purpose(purpose), name)
    except ApplianceError as error:
        return await _answer(request, error=error, status=error.status)
    return flash.redirect(MODELS, _said(Purpose(purpose), model.name))


def _said(purpose: Purpose, name: str) -> str:
    match purpose:
        case Purpose.CHAT:
            return f"{name} answers from now on."
        case Purpose.SEARCH:
            return f"{name} will search as soon as it has read every passage."


async def models_here(request: web.Request) -> ModelsHere:
    """Ask the runner and the database for what the pages about models show."""
    settings, machine = request.app[keys.SETTINGS], request.app[keys.MACHINE]
    models, chosen = await machine.models(), await machine.chosen()
    known = chosen.value or Chosen()
    has_own = any(unit.name == MODEL_RUNNER for unit in request.app[keys.UNITS].units())
    return ModelsHere(
        cards=[_card(model, models.value or [], known) for model in models.value or []],
        missing=[] if models.value is None else missing(known, models.value),
        silence=models.problem.words_for(Audience.OPERATOR) if models.problem else None,
        needs_runner=isinstance(models.problem, RunnerMissingError),
        packaged=settings.packaged,
        chosen=chosen,
        own_runner=MODEL_RUNNER if has_own else None,
        folder=settings.models / "models" if has_own or not settings.ollama_url else None,
        runner_address=settings.runner_address,
    )


async def _answer(
    request: web.Request, *, error: ApplianceError | None = None, status: int = 200
) -> web.Response:
    page = ModelsPage(frame(request, "Models", "models"), await models_here(request), error)
    return request.app[keys.RENDERER].page(
        request, page, block="models", status=status, refusal=error
    )


def _card(model: InstalledModel, models: list[InstalledModel], chosen: Chosen) -> Card:
    good_for = tuple(purpose for purpose in Purpose if purpose.suits(model))
    choices = tuple(purpose for purpose in good_for if chosen.name_for(purpose) != model.name)
    return Card(model, uses(model, chosen, models), good_for, choices)
