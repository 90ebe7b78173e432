"""Verbs for models: which are installed, which are used for what, and how new ones get here."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal

from appliance.cli.context import Context
from appliance.cli.fetch_job import FetchJob
from appliance.cli.model_runner import model_runner
from appliance.cli.output import ExitCode
from appliance.cli.verbs import Verbs, add_group, add_verb
from appliance.core.signals import on_signals
from appliance.fetch.errors import RootNeededError
from appliance.fetch.names import REGISTRY, ModelName
from appliance.fetch.pull import PULL_TIMEOUTS, Pull
from appliance.fetch.runner import TemporaryRunner
from appliance.fetch.service import Fetching
from appliance.fetch.staging import UMASK
from appliance.fetch.unit import FetchUnit
from appliance.llm.choice import Purpose


def add_verbs(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add model list, model use and model fetch, and what the unit of model fetch runs."""
    group = add_group(verbs, "model", "the language models on this machine")
    add_verb(group, shared, "list", list_models, "show the installed models")
    use = add_verb(group, shared, "use", use_model, "choose the model for a purpose")
    # By their values: what argparse says of a wrong one is for people.
    purposes = [purpose.value for purpose in Purpose]
    use.add_argument("purpose", choices=purposes, help="for answers, or for the search index")
    use.add_argument("model", help="as the list shows it")
    fetch = add_verb(group, shared, "fetch", fetch_model, "download a model from the internet")
    fetch.add_argument("model", help="such as llama3.2:3b")
    # Only root may start the unit that is allowed to go online.
    fetch.set_defaults(as_root=True)
    unit = add_verb(verbs, shared, "fetch", run_fetch, "what cloister-fetch@.service runs")
    unit.add_argument("model", help="such as llama3.2:3b")


async def list_models(context: Context, _: argparse.Namespace) -> ExitCode:
    """Show every model, what it can do, and what it is used for."""
    rows = await context.control.ask("GET", "/models")
    context.output.table(rows, "No models are installed; questions are answered by quotation.")
    return ExitCode.DONE


async def use_model(context: Context, options: argparse.Namespace) -> ExitCode:
    """Choose a model."""
    body = {"purpose": options.purpose, "model": options.model}
    await context.control.ask("POST", "/models/use", body=body)
    text = f"{options.model} is now used for {options.purpose}."
    context.output.value(body, text)
    return ExitCode.DONE


async def fetch_model(context: Context, options: argparse.Namespace) -> ExitCode:
    """Have the unit that may go online download a model; in a clone, the model runner itself."""
    name = ModelName.parse(options.model)
    if context.settings.packaged and os.geteuid() != 0:
        raise RootNeededError
    # PostgreSQL refuses root. Where no supervisor can record the download either, systemd's own
    # line in the journal says that the unit was started.
    job = FetchJob(context.control, context.clock, context.output.say)
    if context.settings.packaged:
        context.output.say(
            f"{name} is downloaded from {REGISTRY}. For this alone the machine goes online; "
            "Ctrl-C ends it."
        )
        models = context.settings.models
        await job.run(str(name), lambda say: FetchUnit(name, models, context.clock, say).run())
    else:
        context.output.say(f"The model runner downloads {name} from {REGISTRY}.")
        async with model_runner(context.settings, timeouts=PULL_TIMEOUTS) as runner:
            await job.run(
                str(name), lambda say: Pull(runner, name, clock=context.clock, say=say).run()
            )
    text = (
        f"{name} is installed. “cloister model use chat {name}” makes it write the answers, "
        f"“cloister model use search {name}” the search index."
    )
    context.output.value({"model": str(name)}, text)
    return ExitCode.DONE


async def run_fetch(context: Context, options: argparse.Namespace) -> ExitCode:
    """Download a model, or go on with it; SIGTERM ends it and leaves no program behind."""
    name = ModelName.parse(options.model)
    os.umask(UMASK)
    settings, clock, say = context.settings, context.clock, context.output.say
    fetching = Fetching(settings, clock, TemporaryRunner(settings, clock, os.environ), say)
    task = asyncio.ensure_future(fetching.fetch_and_report(name))
    on_signals([signal.SIGTERM], task.cancel)
    await task
    context.output.value({"model": str(name)}, f"{name} has arrived.")
    return ExitCode.DONE
