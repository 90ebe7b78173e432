"""The certificate of the web server: what is served, and how it is changed."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from aiohttp import web

from appliance.actors.model import CommandLine
from appliance.control.body import Body, choice, read, text, texts
from appliance.control.keys import CERTIFICATES
from appliance.core.errors import InvalidInputError
from appliance.tls.folder import Stored
from appliance.tls.model import Finding, KeyKind, facts_of
from appliance.tls.service import Change
from appliance.tls.upload import Upload
from appliance.tls.words import advice_of, sentence_of


async def show(request: web.Request) -> web.Response:
    """GET /tls: what is served and what was, the machine's own root, and what waits."""
    certificates = request.app[CERTIFICATES]
    published, trial = await certificates.published(), certificates.on_trial()
    return web.json_response(
        {
            "served": _certificate(published.served),
            "previous": _certificate(published.previous),
            "fingerprint_served": await certificates.served(),
            "authority": _text(published.authority),
            "requests": {name: _text(found) for name, found in published.requests.items()},
            "names": list(await certificates.names()),
            "trial": trial.ends.isoformat() if trial else None,
        }
    )


async def use(request: web.Request) -> web.Response:
    """POST /tls/use `{"material", "key", "password", "check"}`: serve a certificate, on trial.

    What is binary is base64. With `check` nothing changes.
    """
    body, certificates, actor = await read(request), request.app[CERTIFICATES], CommandLine()
    if body.get("check") is True:
        checked = await certificates.check(actor, _upload(body))
        return _changed(Change(changed=False, findings=checked.findings))
    return _changed(await certificates.use(actor, _upload(body)))


async def answer(request: web.Request) -> web.Response:
    """POST /tls/answer `{"material", "check"}`: serve the certificate of the request, on trial."""
    body, certificates, actor = await read(request), request.app[CERTIFICATES], CommandLine()
    if body.get("check") is True:
        checked = await certificates.check_answer(actor, _upload(body))
        return _changed(Change(changed=False, findings=checked.findings))
    return _changed(await certificates.answer(actor, _upload(body)))


async def use_own(request: web.Request) -> web.Response:
    """POST /tls/own: serve a new certificate of the machine's own authority, on trial."""
    return _changed(await request.app[CERTIFICATES].use_own(CommandLine()))


async def make_request(request: web.Request) -> web.Response:
    """POST /tls/request `{"kind", "names", "organisation"}`: make a key and a request."""
    body, certificates = await read(request), request.app[CERTIFICATES]
    names = texts(body, "names") or list(certificates.default_names())
    made = await certificates.request(
        CommandLine(), choice(body, "kind", KeyKind), names, text(body, "organisation")
    )
    return web.json_response({"request": made.decode()})


async def roll_back(request: web.Request) -> web.Response:
    """POST /tls/rollback: undo the change on trial, or serve the previous certificate, on trial."""
    return _changed(await request.app[CERTIFICATES].roll_back(CommandLine()))


async def confirm(request: web.Request) -> web.Response:
    """POST /tls/confirm: keep the certificate on trial."""
    trial = await request.app[CERTIFICATES].confirm(CommandLine())
    return web.json_response({"confirmed": trial is not None})


async def ensure(request: web.Request) -> web.Response:
    """POST /tls/ensure: take over what root has put in place, and renew what is due."""
    return web.json_response({"changed": await request.app[CERTIFICATES].ensure()})


def _upload(body: Body) -> Upload:
    key = _binary(body, "key") if body.get("key") else None
    password = text(body, "password") if body.get("password") else ""
    return Upload(_binary(body, "material"), key, password)


def _binary(body: Body, name: str) -> bytes:
    try:
        return base64.b64decode(text(body, name), validate=True)
    except binascii.Error as error:
        problem = f"“{name}” is not base64."
        raise InvalidInputError(problem=problem, remedy="Use `cloister tls`.") from error


def _changed(change: Change) -> web.Response:
    trial = change.trial
    return web.json_response(
        {
            "changed": change.changed,
            "findings": [_finding(each) for each in change.findings],
            "trial": {"ends": trial.ends.isoformat(), "token": trial.token} if trial else None,
        }
    )


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "problem": finding.problem,
        "error": finding.is_error,
        "facts": dict(finding.facts),
        "sentence": sentence_of(finding),
        "advice": advice_of(finding),
    }


def _certificate(stored: Stored | None) -> dict[str, Any] | None:
    if stored is None:
        return None
    facts = facts_of(stored.pair.certificate)
    return {
        "origin": stored.origin,
        "subject": facts.subject,
        "issuer": facts.issuer,
        "names": list(facts.names),
        "not_before": facts.not_before.isoformat(),
        "not_after": facts.not_after.isoformat(),
        "fingerprint": facts.fingerprint,
        "key": facts.key,
    }


def _text(pem: bytes | None) -> str | None:
    return pem.decode() if pem else None
