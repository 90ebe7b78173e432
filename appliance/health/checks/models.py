"""Are models chosen, and are they there?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from appliance.core.deadline import abandon_after
from appliance.core.errors import ApplianceError
from appliance.health.asking import answer_or_none
from appliance.health.model import CheckId, CheckResult, ok, unknown, warning
from appliance.health.remedies import ChooseModels
from appliance.llm.choice import Chosen, Purpose, in_use, missing
from appliance.llm.client import ModelRunner
from appliance.llm.model import InstalledModel

AskChosen = Callable[[], Awaitable[Chosen]]


async def ask_chosen(ask: AskChosen, *, limit: float) -> Chosen | None:
    """Return what was chosen, or None where the database does not say it, or not in time."""
    return await answer_or_none(ask, limit=limit)


async def ask_installed(runner: ModelRunner, *, limit: float) -> list[InstalledModel] | None:
    """Return what is installed, or None where the runner does not say it in time."""
    try:
        return await abandon_after(limit, runner.models())
    except (ApplianceError, TimeoutError):
        return None


def evaluate_models(
    chosen: Chosen | None, installed: Sequence[InstalledModel] | None
) -> CheckResult:
    """Say what is used for answers and for search; None means that there was no answer. Pure."""
    if chosen is None:
        return unknown(CheckId.MODELS, "The database does not say which models were chosen.")
    if installed is None:
        return unknown(CheckId.MODELS, "The model runner does not say which models it has.")
    if gone := [name for _, name in missing(chosen, installed)]:
        sentence = f"Chosen, but not installed: {', '.join(gone)}."
        hint = "Choose another model, or install it again."
        return warning(CheckId.MODELS, sentence, hint, ChooseModels())
    chat = in_use(Purpose.CHAT, chosen, installed)
    search = f"{chosen.searching} searches" if chosen.searching else "search goes by words alone"
    if chat is None:
        sentence = f"No model writes answers, so passages are quoted instead; {search}."
        return warning(CheckId.MODELS, sentence, "Install a chat model.", ChooseModels())
    return ok(CheckId.MODELS, f"{chat.name} answers; {search}.")
