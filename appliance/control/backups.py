"""Backups: start them, keep the recovery key and the targets."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from appliance.actors.model import CommandLine
from appliance.control.body import read, text
from appliance.control.keys import JOBS, RECOVERY_KEYS, RESTORE_NOTES, TARGETS
from appliance.core.errors import InvalidInputError
from appliance.jobs.kinds import BACKUP, DRILL, OFFSITE
from appliance.offsite.errors import TargetMissingError
from appliance.offsite.targets import public
from appliance.web.paths import whole_number

COMMAND_LINE = CommandLine()


async def back_up(request: web.Request) -> web.Response:
    """POST /backups: the queued job that makes a set."""
    job = await request.app[JOBS].start(COMMAND_LINE, BACKUP.name)
    return web.json_response(job.as_json(), status=HTTPStatus.ACCEPTED)


async def drill(request: web.Request) -> web.Response:
    """POST /backups/drill: the queued job that restores a set and throws it away."""
    job = await request.app[JOBS].start(COMMAND_LINE, DRILL.name)
    return web.json_response(job.as_json(), status=HTTPStatus.ACCEPTED)


async def make_key(request: web.Request) -> web.Response:
    """POST /backups/key: what is printed, once."""
    sheet = await request.app[RECOVERY_KEYS].make(COMMAND_LINE)
    return web.json_response(sheet.as_json())


async def let_machine_in(request: web.Request) -> web.Response:
    """POST /backups/key/machine `{"key"}`: the repository that this machine's key opens now."""
    typed = text(await read(request), "key")
    repository = await request.app[RECOVERY_KEYS].let_machine_in(COMMAND_LINE, typed)
    return web.json_response({"repository": repository})


async def prove_key(request: web.Request) -> web.Response:
    """POST /backups/key/prove `{"key"}`: the fingerprint of a key that opened the backups."""
    proof = await request.app[RECOVERY_KEYS].prove(COMMAND_LINE, text(await read(request), "key"))
    answer = {"fingerprint": proof.fingerprint, "proven_at": proof.proven_at.isoformat()}
    return web.json_response(answer)


async def save_target(request: web.Request) -> web.Response:
    """POST /backups/targets: the fields of a target, which is reached before it is kept."""
    body = await read(request)
    if not all(isinstance(value, str) for value in body.values()):
        raise InvalidInputError(problem="A field is no text.", remedy="Send texts only.")
    written = body.pop("number", "")
    number = whole_number(written)
    if written and number is None:
        raise TargetMissingError(number=written)
    target = await request.app[TARGETS].save(COMMAND_LINE, number, body)
    return web.json_response(public(target))


async def remove_target(request: web.Request) -> web.Response:
    """DELETE /backups/targets/{number}: the target that was removed."""
    target = await request.app[TARGETS].remove(COMMAND_LINE, _number(request))
    return web.json_response(public(target))


async def probe_target(request: web.Request) -> web.Response:
    """POST /backups/targets/{number}/probe: what is there, and what it protects from."""
    found = await request.app[TARGETS].probe(COMMAND_LINE, _number(request))
    return web.json_response(dict(found))


async def copy_to_target(request: web.Request) -> web.Response:
    """POST /backups/targets/{number}/copy: the queued job that copies."""
    target = await request.app[TARGETS].kept.target(_number(request))
    job = await request.app[JOBS].start(COMMAND_LINE, OFFSITE.name, str(target.number))
    return web.json_response(job.as_json(), status=HTTPStatus.ACCEPTED)


async def note_restore(request: web.Request) -> web.Response:
    """POST /backups/restored `{"former_is_kept"}`: the console asks for a decision, or no more."""
    kept = (await read(request)).get("former_is_kept")
    if not isinstance(kept, bool):
        raise InvalidInputError(
            problem="“former_is_kept” is neither true nor false.", remedy="Send one of them."
        )
    await request.app[RESTORE_NOTES].note(former_is_kept=kept)
    return web.Response(status=HTTPStatus.NO_CONTENT)


def _number(request: web.Request) -> int:
    written = request.match_info["number"]
    if (number := whole_number(written)) is None:
        raise TargetMissingError(number=written)
    return number
