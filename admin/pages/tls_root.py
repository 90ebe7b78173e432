"""The root of the machine's own authority, for each person whose browser is to trust it."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import ClassVar

from aiohttp import web
from markupsafe import Markup

from admin import keys
from admin.frame import frame
from admin.qr_code import qr_code
from appliance.core.errors import NotFoundError
from appliance.core.settings import Settings
from appliance.tls.addresses import reachable
from appliance.tls.model import CertificateFacts, facts_of
from appliance.tls.platforms import PLATFORMS, Platform, RootFile
from appliance.web.render import Frame

ROOT = "/admin/tls/root"
# With this type a telephone offers to install the file.
_TYPE = "application/x-x509-ca-cert"


@dataclass(frozen=True, slots=True)
class RootCard:
    """The root, and where other computers and telephones find it; `code` is a drawing of that."""

    facts: CertificateFacts
    address: str
    code: Markup


@dataclass(frozen=True, slots=True)
class RootPage:
    """The root with its instructions."""

    template: ClassVar[str] = "tls_root.html"

    frame: Frame
    root: RootCard
    platforms: tuple[Platform, ...] = PLATFORMS


async def show_root(request: web.Request) -> web.Response:
    """GET /admin/tls/root."""
    root = await root_card(request.app[keys.SETTINGS], await _root(request))
    page = RootPage(frame(request, "Trust this machine", "tls"), root)
    return request.app[keys.RENDERER].page(request, page)


async def download(request: web.Request) -> web.Response:
    """GET /admin/tls/root/{file}: the names of the file say its form."""
    pem, name = await _root(request), request.match_info["file"]
    if name not in set(RootFile):
        raise NotFoundError(what="file")
    der = ssl.PEM_cert_to_DER_cert(pem.decode())
    body = der if name == RootFile.DER else pem
    disposition = {"Content-Disposition": f'inline; filename="{name}"'}
    return web.Response(body=body, content_type=_TYPE, headers=disposition)


async def root_card(settings: Settings, pem: bytes) -> RootCard:
    """Return the root as pages show it."""
    found = await asyncio.to_thread(reachable, settings)
    address = f"{found.address}{ROOT}"
    return RootCard(facts_of(pem), address, qr_code(address))


async def _root(request: web.Request) -> bytes:
    published = await request.app[keys.CERTIFICATES].published()
    if published.authority is None:
        raise NotFoundError(what="authority of this machine")
    return published.authority
