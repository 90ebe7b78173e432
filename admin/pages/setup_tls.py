"""The step of the set-up for the certificate; the page TLS changes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from admin import keys
from admin.setup_view import Loaded, Saved, StepView
from appliance.actors.model import Actor
from appliance.tls.model import CertificateFacts, Origin, facts_of
from appliance.web.forms import Form


@dataclass(frozen=True, slots=True)
class TlsStep:
    """The certificate that is served. `trial_ends`: until then it has to be confirmed."""

    is_served: bool
    facts: CertificateFacts | None
    is_own: bool
    trial_ends: datetime | None


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


async def save(request: web.Request, actor: Actor, _: Form) -> Saved:
    """Keep what is served; a browser that gets here has reached the machine with it."""
    await request.app[keys.CERTIFICATES].confirm(actor)
    return Saved()


VIEW = StepView(load, save)
