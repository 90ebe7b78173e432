"""The step of the set-up for the certificate: the machine's own, or one from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from admin import keys
from admin.setup_view import Loaded, Saved, StepView
from appliance.actors.model import Actor
from appliance.tls.model import CertificateFacts, Finding, Origin, facts_of
from appliance.tls.service import Certificates
from appliance.tls.upload import Upload
from appliance.tls.words import advice_of, sentence_of
from appliance.web.forms import Form

OWN, OTHER, CONFIRM = "own", "other", "confirm"
# A chain of four with a large key has a fifth of that.
_LONGEST = 40_000


@dataclass(frozen=True, slots=True)
class Named:
    """A problem of a certificate in words."""

    sentence: str
    advice: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class TlsStep:
    """The certificate that is served. `trial_ends`: until then it has to be confirmed."""

    is_served: bool
    facts: CertificateFacts | None
    is_own: bool
    trial_ends: datetime | None
    longest: int = _LONGEST


async def load(request: web.Request) -> Loaded:
    """Show what is served, and whether it is on trial."""
    certificates = request.app[keys.CERTIFICATES]
    served, trial = (await certificates.published()).served, certificates.on_trial()
    content = TlsStep(
        is_served=request.app[keys.SETTINGS].https,
        facts=facts_of(served.pair.certificate) if served else None,
        is_own=served is not None and served.origin is Origin.OWN_AUTHORITY,
        trial_ends=trial.ends if trial else None,
    )
    return Loaded(Form(), content)


async def save(request: web.Request, actor: Actor, form: Form) -> Saved:
    """Keep what is served, serve another certificate on trial, or end its trial.

    Raises what Certificates raises.
    """
    certificates = request.app[keys.CERTIFICATES]
    match form.choice("do", (OWN, OTHER, CONFIRM)):
        case "own":
            return Saved()
        case "confirm":
            # A browser that gets here has reached the machine over the new certificate.
            await certificates.confirm(actor)
            return Saved()
        case _:
            return await _use(certificates, actor, form)


async def _use(certificates: Certificates, actor: Actor, form: Form) -> Saved:
    material = form.text("certificate", maximum=_LONGEST)
    key = form.text("key", minimum=0, maximum=_LONGEST)
    if not form.valid:
        return Saved(is_done=False)
    upload = Upload(material.encode(), key.encode() or None)
    change = await certificates.use(actor, upload)
    findings = tuple(map(_named, change.findings))
    is_refused = any(each.is_error for each in findings)
    return Saved(is_done=False, once=findings or None, is_refused=is_refused)


def _named(finding: Finding) -> Named:
    return Named(sentence_of(finding), advice_of(finding), finding.is_error)


VIEW = StepView(load, save)
