"""The only list of units: what Cloister consists of on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace

from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.core.start_settings import StartValues, last_change
from appliance.units.backup_server import NAME as BACKUP_SERVER
from appliance.units.backup_server import backup_server
from appliance.units.errors import DatabaseMissingError
from appliance.units.ingest import ingest
from appliance.units.migrate import migrate
from appliance.units.model import Absent, Unit
from appliance.units.nginx import nginx
from appliance.units.ollama import ollama
from appliance.units.postgres import postgres
from appliance.units.programs import Programs
from appliance.units.webchat import webchat


@dataclass(frozen=True, slots=True)
class Catalog:
    """The units in the order in which they start, and what is not there."""

    units: tuple[Unit, ...]
    absent: tuple[Absent, ...]

    def configured(self, values: StartValues) -> Catalog:
        """Return the catalogue with the time at which each unit's settings last changed."""
        units = tuple(
            replace(unit, configured_at=last_change(values, unit.variables)) for unit in self.units
        )
        return replace(self, units=units)


def catalog(settings: Settings, programs: Programs, clock: Clock) -> Catalog:
    """Return every unit that can run with these programs.

    The settings may be the operator's own or those that `Programs.applied_to` returned. Raises
    DatabaseMissingError when there is no PostgreSQL with pgvector.
    """
    if programs.postgres is None:
        raise DatabaseMissingError
    applied = programs.applied_to(settings)
    absent = _absent(applied, programs)
    units = [postgres(applied, programs.postgres, clock), migrate(applied, programs)]
    if programs.rest_server:
        units.append(backup_server(applied, programs.rest_server))
    if programs.ollama:
        units.append(ollama(applied, programs.ollama, programs.ollama_port))
    units.append(ingest(applied, programs))
    workers = range(1, applied.chat_processes + 1)
    units += [webchat(applied, programs, worker) for worker in workers]
    if programs.nginx:
        units.append(nginx(applied, programs.nginx))
    return Catalog(tuple(units), absent)


def _absent(settings: Settings, programs: Programs) -> tuple[Absent, ...]:
    absent = []
    if not programs.ollama and settings.ollama_url:
        reason = f"runs on the server at {settings.ollama_url}"
        absent.append(Absent("ollama", reason, elsewhere=True))
    elif not programs.ollama:
        remedy = (
            "put its program at /usr/local/bin/ollama, then `systemctl restart cloister`"
            if settings.packaged
            else "install Ollama"
        )
        reason = f"not found: questions are answered by quoting passages; {remedy}"
        absent.append(Absent("ollama", reason))
    if not programs.nginx:
        reason = "not installed: one chat server listens by itself; install the package nginx"
        absent.append(Absent("nginx", reason))
    if settings.packaged and not programs.rest_server:
        reason = "not installed: no backup can be made; install the package restic-rest-server"
        absent.append(Absent(BACKUP_SERVER, reason))
    return tuple(absent)
