"""What an operator may set."""

from __future__ import annotations

from aiohttp import web

from appliance.actors.model import CommandLine
from appliance.control.body import optional_value, read, text
from appliance.control.keys import CHANGES, OPERATOR_SETTINGS, TRIALS
from appliance.settings.addresses import addresses_to_try
from appliance.trial.errors import TrialOverError
from appliance.trial.model import Trial


async def settings(request: web.Request) -> web.Response:
    """GET /settings: every setting with its value."""
    found = await request.app[OPERATOR_SETTINGS].all()
    return web.json_response([setting.as_json() for setting in found])


async def change(request: web.Request) -> web.Response:
    """POST /settings `{"name", "value"}`: the setting; null as the value resets it.

    Beside it `trial`, with its end and where to look, and whether services restart.
    """
    body = await read(request)
    name, value = text(body, "name"), optional_value(body, "value")
    changed = await request.app[CHANGES].change(CommandLine(), {name: value})
    found = (await request.app[OPERATOR_SETTINGS].get(name)).as_json()
    addresses = addresses_to_try(changed.after, "") if changed.after else ()
    trial = changed.trial and {**_as_json(request, changed.trial), "addresses": list(addresses)}
    return web.json_response({**found, "trial": trial, "restarting": changed.restarts})


async def trial(request: web.Request) -> web.Response:
    """GET /trial: the change on trial, or null."""
    current = request.app[TRIALS].current()
    return web.json_response(current and _as_json(request, current))


async def end_trial(request: web.Request) -> web.Response:
    """POST /trial/confirm and /trial/undo: end the trial that is on."""
    trials = request.app[TRIALS]
    current = trials.current()
    if current is None:
        raise TrialOverError
    if request.match_info["end"] == "confirm":
        await trials.confirm(current.token)
    else:
        await trials.undo_now()
    return web.json_response({"kind": current.kind, "end": request.match_info["end"]})


def _as_json(request: web.Request, trial: Trial) -> dict[str, object]:
    return {
        "kind": trial.kind,
        "ends": trial.ends.isoformat(),
        "seconds_left": request.app[TRIALS].seconds_left(),
    }
