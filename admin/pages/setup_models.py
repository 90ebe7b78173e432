"""The step of the set-up that chooses the models."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from admin import keys
from admin.pages.models import ModelsHere, models_here
from admin.setup_view import Loaded, Saved, StepView
from appliance.actors.model import Actor
from appliance.llm.choice import Chosen, Purpose, in_use
from appliance.web.forms import Form


@dataclass(frozen=True, slots=True)
class ModelsStep:
    """The models that suit each purpose, as a field offers them, and what is known."""

    here: ModelsHere
    choices: tuple[tuple[Purpose, tuple[tuple[str, str], ...]], ...]

    @property
    def can_choose(self) -> bool:
        """Whether there is a model for anything."""
        return any(models for _, models in self.choices)


async def load(request: web.Request) -> Loaded:
    """Offer the installed models; those in use are chosen already."""
    here = await models_here(request)
    installed = [card.model for card in here.cards]
    chosen = here.chosen.value or Chosen()
    used = {purpose: in_use(purpose, chosen, installed) for purpose in Purpose}
    form = Form({purpose: model.name for purpose, model in used.items() if model})
    choices = tuple(
        (purpose, tuple((model.name, model.name) for model in installed if purpose.suits(model)))
        for purpose in Purpose
    )
    return Loaded(form, ModelsStep(here, choices))


async def save(request: web.Request, actor: Actor, form: Form) -> Saved:
    """Use the chosen models from now on."""
    service = request.app[keys.CHOICE]
    wanted = {purpose: form.text(purpose, minimum=0) for purpose in Purpose}
    if not any(wanted.values()):
        form.fail(Purpose.CHAT, "Please choose a model, or skip this step.")
    if not form.valid:
        return Saved(is_done=False)
    chosen = await request.app[keys.BREAKER].ask(service.chosen)
    for purpose, name in wanted.items():
        if name and name != chosen.name_for(purpose):
            await service.choose(actor, purpose, name)
    return Saved()


VIEW = StepView(load, save)
