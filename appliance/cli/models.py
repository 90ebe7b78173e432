"""Verbs for models: which are installed, and which are used for what."""

from __future__ import annotations

import argparse

from appliance.cli.context import Context
from appliance.cli.output import ExitCode
from appliance.cli.verbs import Verbs, add_group, add_verb
from appliance.llm.choice import Purpose
from appliance.llm.client import ModelRunner
from appliance.llm.service import ModelChoice


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add model list and model use."""
    group = add_group(verbs, "model", "the language models on this machine")
    add_verb(group, shared, "list", list_models, "show the installed models")
    use = add_verb(group, shared, "use", use_model, "choose the model for a purpose")
    use.add_argument("purpose", type=Purpose, choices=list(Purpose))
    use.add_argument("model")


async def list_models(context: Context, _: argparse.Namespace) -> ExitCode:
    """Show every model, what it can do, and what it is chosen for."""
    async with (
        context.database() as database,
        ModelRunner(context.runner_address) as runner,
    ):
        chosen = await ModelChoice(database, runner).chosen()
        installed = await runner.models()
    rows: list[dict[str, object]] = [
        {
            "model": model.name,
            "size": model.size,
            "can": sorted(model.capabilities),
            "used_for": [
                purpose
                for purpose, name in ((Purpose.CHAT, chosen.chat), (Purpose.SEARCH, chosen.search))
                if name == model.name
            ],
        }
        for model in installed
    ]
    context.output.table(rows, "No models are installed; questions are answered by quotation.")
    return ExitCode.DONE


async def use_model(context: Context, options: argparse.Namespace) -> ExitCode:
    """Choose a model."""
    async with (
        context.database() as database,
        ModelRunner(context.runner_address) as runner,
    ):
        await ModelChoice(database, runner).choose(None, options.purpose, options.model)
    text = f"{options.model} is now used for {options.purpose}."
    context.output.value({"purpose": options.purpose, "model": options.model}, text)
    return ExitCode.DONE
