"""What each service of the package is and may do, said once. Pure.

The unit files, the accounts, the folders, the polkit rule, the packet filter and the table in the
documentation say the same in their own languages; tests/packaging/test_declaration.py proves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from appliance.core.settings import MOST_CHAT_PROCESSES

RUN = "/run/cloister"
LIB = "/var/lib/cloister"
# The folders that more than one service uses.
DATABASE, RUNNER, CHAT, CONSOLE, HEALTH = (
    f"{RUN}/{name}" for name in ("postgres", "ollama", "chat", "console", "health")
)


class Network(StrEnum):
    """What a service reaches: NONE only unix sockets, LOOPBACK also a loopback of its own."""

    NONE = "none"
    LOOPBACK = "loopback"
    HOST = "the machine's"


class Role(StrEnum):
    """A role in the database, with the least that its process needs."""

    OWNER = "cloister"
    CHAT = "cloister_chat"
    INGEST = "cloister_ingest"
    BACKUP = "cloister_backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of the package.

    `account` is None where systemd makes one up for the run. `writes` and `reads` are the folders
    of Cloister that it sees, `instances` is how many there may be of a template, and `managed` says
    that the supervisor starts and stops it.
    """

    name: str
    account: str | None
    network: Network = Network.NONE
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    role: Role | None = None
    instances: int | None = None
    managed: bool = True

    @property
    def file(self) -> str:
        """The name of its unit file."""
        return f"{self.name}{'@' if self.template else ''}.service"

    @property
    def template(self) -> bool:
        """Whether the unit file is one for several instances."""
        return self.instances is not None

    @property
    def units(self) -> tuple[str, ...]:
        """The names under which the supervisor starts it; none of a service that it does not."""
        if not self.managed:
            return ()
        if self.instances is None:
            return (self.file,)
        return tuple(f"{self.name}@{number}.service" for number in range(1, self.instances + 1))


SERVICES = (
    Service(
        name="cloister",
        account="cloister",
        writes=(
            CONSOLE,
            f"{RUN}/control",
            f"{RUN}/motd",
            HEALTH,
            f"{LIB}/state",
            f"{LIB}/settings",
            f"{LIB}/documents",
        ),
        # It asks every unit on its socket, and looks at the room on the disk.
        reads=(RUN, LIB),
        role=Role.OWNER,
        managed=False,
    ),
    Service(
        name="cloister-postgres", account="cloister-postgres", writes=(f"{LIB}/postgres", DATABASE)
    ),
    Service(name="cloister-migrate", account="cloister", reads=(DATABASE,), role=Role.OWNER),
    Service(
        name="cloister-webchat",
        account="cloister-chat",
        writes=(CHAT, f"{RUN}/commands", f"{LIB}/documents"),
        reads=(DATABASE, RUNNER, HEALTH),
        role=Role.CHAT,
        instances=MOST_CHAT_PROCESSES,
    ),
    Service(
        name="cloister-ingest",
        account="cloister-ingest",
        writes=(f"{RUN}/ingest", f"{LIB}/documents"),
        reads=(DATABASE, RUNNER),
        role=Role.INGEST,
    ),
    Service(
        name="cloister-ollama",
        account="cloister-ollama",
        network=Network.LOOPBACK,
        writes=(f"{LIB}/ollama/.ollama",),
        reads=(f"{LIB}/ollama/models",),
    ),
    Service(name="cloister-ollama-proxy", account=None, network=Network.LOOPBACK, managed=False),
    Service(
        name="cloister-nginx",
        account="cloister-nginx",
        writes=(f"{RUN}/nginx", f"{LIB}/tls"),
        reads=(CHAT, CONSOLE),
    ),
    Service(
        name="cloister-fetch",
        account="cloister-fetch",
        network=Network.HOST,
        writes=(f"{LIB}/ollama",),
        # The instance is a model's name; root starts it.
        instances=0,
        managed=False,
    ),
    Service(name="cloister-firewall", account=None, network=Network.HOST, managed=False),
)


def roles_by_account() -> dict[str, tuple[str, ...]]:
    """Return which account of the package may become which roles of the database."""
    found: dict[str, tuple[str, ...]] = {}
    for service in SERVICES:
        if service.account and service.role and service.role not in found.get(service.account, ()):
            found[service.account] = (*found.get(service.account, ()), service.role.value)
    return found
