"""PostgreSQL with pgvector, on a unix socket only; clients are known by their system user."""

from __future__ import annotations

import getpass
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from appliance.core.clock import Clock
from appliance.core.process import Command
from appliance.core.settings import Settings
from appliance.core.variables import CHAT_PROCESSES
from appliance.db.pool import (
    CHAT_CONNECTIONS,
    HELD_CONNECTIONS,
    OTHER_CONNECTIONS,
    SEARCH_CONNECTIONS,
)
from appliance.db.queries import Queries
from appliance.probes.sql import SqlProbe
from appliance.units.cluster import STOP_GRACE, Cluster
from appliance.units.declaration import Role, roles_by_account
from appliance.units.model import Unit
from appliance.units.programs import PostgresProgram

SUPERUSER = Role.OWNER.value
ROLES = tuple(role.value for role in Role)
BUILTIN_LOCALE_SINCE = 17
RECOVERY_SECONDS = 24 * 3600.0

PEERS = "local all all peer map=cloister\n"


def postgres(settings: Settings, program: PostgresProgram, clock: Clock) -> Unit:
    """Return the database's unit."""
    cluster = Cluster(
        settings=settings,
        version=program.version,
        initdb=partial(initdb, program),
        files={
            "pg_hba.conf": PEERS,
            "pg_ident.conf": ident_map(users_of(settings)),
            "connections.conf": connections(settings.chat_processes),
        },
        clock=clock,
    )
    return Unit(
        name="postgres",
        log_format="postgres",
        description=f"Database (PostgreSQL {program.version})",
        command=server(settings, program),
        probe=SqlProbe(settings.database_socket, SUPERUSER, Queries("appliance.probes")),
        directory=settings.home,
        environment={"HOME": str(settings.home)},
        account=settings.account,
        prepare=cluster.prepare,
        refresh=cluster.refresh,
        # Fast shutdown: sessions are ended and everything is written; SIGTERM would wait for them.
        stop_signal=signal.SIGINT,
        stop_grace=STOP_GRACE,
        # Recovery after a crash reads the log since the last checkpoint: stopped half-way, it would
        # begin again, for ever. A server that dies meanwhile is seen at once.
        start_deadline=RECOVERY_SECONDS,
        # The number of its connections.
        variables=(CHAT_PROCESSES.name,),
    )


def server(settings: Settings, program: PostgresProgram) -> Command:
    """Return the command line of the server."""
    data, socket = str(settings.database), str(settings.database_socket)
    return (str(program.folder / "postgres"), "-D", data, "-k", socket)


def initdb(program: PostgresProgram, data: Path) -> Command:
    """Return the command line that makes a new data directory.

    Texts are ordered by code point, which no update of the system's collations can change; what
    is a letter, and its lower case, comes from Unicode.
    """
    builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8")
    from_system = ("--locale=C", "--lc-ctype=C.UTF-8")
    return (
        str(program.folder / "initdb"),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        "--encoding=UTF8",
        *(builtin if program.version >= BUILTIN_LOCALE_SINCE else from_system),
        "--auth=peer",
        "--data-checksums",
        "--no-instructions",
    )


def connections(chat_processes: int) -> str:
    """Return connections.conf: room for every pool, so that none is refused under load."""
    of_a_chat_server = CHAT_CONNECTIONS + SEARCH_CONNECTIONS + HELD_CONNECTIONS
    return f"max_connections = {of_a_chat_server * chat_processes + OTHER_CONNECTIONS}\n"


def ident_map(users: Mapping[str, tuple[str, ...]]) -> str:
    """Return pg_ident.conf: which operating system user may become which roles."""
    lines = [f'cloister "{user}" {role}' for user, roles in users.items() for role in roles]
    return "\n".join(lines) + "\n"


def users_of(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return which users may become which roles; in a clone, one user runs all units."""
    if settings.packaged:
        return roles_by_account()
    users = {getpass.getuser(), settings.account or getpass.getuser()}
    return dict.fromkeys(sorted(users), ROLES)
