"""Certificates as the operation `tls` keeps them, and as another authority makes them."""

from __future__ import annotations

from datetime import UTC, datetime

from appliance.core.files import private_directory
from appliance.core.settings import Settings
from appliance.tls.authority import make_authority, make_leaf
from appliance.tls.folder import AuthorityFolder, CertificateFolder, Stored
from appliance.tls.model import Origin, Pair
from appliance.tls.published import publish
from appliance.units.directories import give_to
from appliance.units.nginx import SERVED


def keep_own(settings: Settings, *names: str) -> Pair:
    """Let the machine serve a certificate of its own authority; return the authority."""
    now = datetime.now(UTC)
    folder, own = CertificateFolder(settings.tls), AuthorityFolder(settings.authority)
    for path in (settings.tls, settings.authority, settings.certificates):
        private_directory(path)
    authority = make_authority(names, now)
    own.write(authority)
    folder.propose(Stored(Origin.OWN_AUTHORITY, make_leaf(authority, names, now)))
    folder.take_proposed()
    publish(folder, own, settings.certificates)
    for path in (settings.tls, settings.tls / SERVED, settings.certificates):
        give_to(path, settings.account)
    return authority


def foreign_pair(*names: str, now: datetime | None = None) -> tuple[Pair, Pair]:
    """Return a pair as another authority signs it, and that authority."""
    at = now or datetime.now(UTC)
    authority = make_authority(names, at)
    return make_leaf(authority, names, at), authority
