"""What each service of the package is and may do, said once. Pure.

The unit files, the accounts, the folders, the polkit rule, the packet filter and the table in the
documentation say the same in their own languages; tests/packaging/test_declaration.py proves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from appliance.core.settings import MOST_TARGETS
from appliance.core.variables import MOST_CHAT_PROCESSES

RUN = "/run/cloister"
LIB = "/var/lib/cloister"
# The folders that more than one service uses.
DATABASE, RUNNER, CHAT, CONSOLE, HEALTH = (
    f"{RUN}/{name}" for name in ("postgres", "ollama", "chat", "console", "health")
)
DOCUMENTS, REPOSITORY, TARGETS = (
    f"{LIB}/{name}" for name in ("documents", "repository", "offsite")
)
# The certificate with its key, the machine's own authority, and what of both is no secret.
TLS, AUTHORITY, CERTIFICATES = (f"{LIB}/{name}" for name in ("tls", "authority", "certificates"))
# Where the repository's server and off-site copies are reached, and who uses the repository.
REPOSITORY_SERVER, COPIES, OPERATIONS = (
    f"{RUN}/{name}" for name in ("repository", "offsite", "operations")
)
REPOSITORY_LOCK, MODELS_LOCK = (f"{OPERATIONS}/{name}.lock" for name in ("repository", "models"))
MODELS = f"{LIB}/ollama/models"
# What an authority looks at, through Nginx, to see that a name is this machine's.
CHALLENGES = f"{RUN}/acme"
# Below these an administrator mounts disks for copies of the repository.
DISKS = ("/mnt", "/media")


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


class Start(StrEnum):
    """What starts a service: UNIT and OPERATION the supervisor, OTHER root or systemd itself.

    A unit runs for as long as the appliance does; an operation ends by itself.
    """

    UNIT = "unit"
    OPERATION = "operation"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of the package.

    `account` is None where systemd makes one up for the run. `writes` and `reads` are the folders
    of Cloister that it sees, with `%i` for the instance of a template. `instances` names those that
    the supervisor starts of one, and `instance_reads` what single ones see beside all others, by a
    file of their own. `has_key` says that it gets the machine's key to the backups, and
    `disks` that it writes to what an administrator has mounted below DISKS.
    """

    name: str
    account: str | None
    network: Network = Network.NONE
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    role: Role | None = None
    instances: tuple[str, ...] | None = None
    instance_reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    start: Start = Start.UNIT
    has_key: bool = False
    disks: bool = False

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
        if self.start is Start.OTHER:
            return ()
        if self.instances is None:
            return (self.file,)
        return tuple(f"{self.name}@{instance}.service" for instance in self.instances)


def _numbers(most: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(1, most + 1))


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
            DOCUMENTS,
            OPERATIONS,
            TARGETS,
        ),
        # It asks every unit on its socket, and looks at the room on the disk.
        reads=(RUN, LIB),
        role=Role.OWNER,
        start=Start.OTHER,
    ),
    Service(
        name="cloister-postgres", account="cloister-postgres", writes=(f"{LIB}/postgres", DATABASE)
    ),
    Service(name="cloister-migrate", account="cloister", reads=(DATABASE,), role=Role.OWNER),
    Service(
        name="cloister-webchat",
        account="cloister-chat",
        writes=(CHAT, f"{RUN}/commands", DOCUMENTS),
        reads=(DATABASE, RUNNER, HEALTH),
        role=Role.CHAT,
        instances=_numbers(MOST_CHAT_PROCESSES),
    ),
    Service(
        name="cloister-ingest",
        account="cloister-ingest",
        writes=(f"{RUN}/ingest", DOCUMENTS),
        reads=(DATABASE, RUNNER),
        role=Role.INGEST,
    ),
    Service(
        name="cloister-ollama",
        account="cloister-ollama",
        network=Network.LOOPBACK,
        writes=(f"{LIB}/ollama/.ollama",),
        reads=(MODELS,),
    ),
    Service(
        name="cloister-ollama-proxy",
        account=None,
        network=Network.LOOPBACK,
        start=Start.OTHER,
    ),
    Service(
        name="cloister-nginx",
        account="cloister-nginx",
        writes=(f"{RUN}/nginx",),
        reads=(CHAT, CONSOLE, TLS, CHALLENGES),
    ),
    Service(
        name="cloister-tls",
        account="cloister-tls",
        writes=(TLS, AUTHORITY, CERTIFICATES, f"{OPERATIONS}/tls"),
        start=Start.OPERATION,
    ),
    Service(
        name="cloister-fetch",
        account="cloister-fetch",
        network=Network.HOST,
        writes=(f"{LIB}/ollama",),
        # The instance is a model's name; root starts it.
        instances=(),
        start=Start.OTHER,
    ),
    Service(name="cloister-firewall", account=None, network=Network.HOST, start=Start.OTHER),
    Service(
        name="cloister-backup-server",
        account="cloister-repository",
        writes=(REPOSITORY, REPOSITORY_SERVER),
    ),
    Service(
        name="cloister-backup",
        account="cloister-backup",
        writes=(f"{LIB}/backup", f"{OPERATIONS}/%i"),
        reads=(
            DATABASE,
            REPOSITORY_SERVER,
            COPIES,
            REPOSITORY_LOCK,
            MODELS_LOCK,
            DOCUMENTS,
            TLS,
            AUTHORITY,
            TARGETS,
        ),
        role=Role.BACKUP,
        instances=("set", "hot", "list", "key", "drill", "check", "models"),
        instance_reads={"models": (MODELS,)},
        start=Start.OPERATION,
        has_key=True,
    ),
    Service(
        name="cloister-prune",
        account="cloister-repository",
        writes=(REPOSITORY, f"{OPERATIONS}/prune"),
        disks=True,
        reads=(REPOSITORY_LOCK, MODELS_LOCK),
        start=Start.OPERATION,
        has_key=True,
    ),
    Service(
        name="cloister-repository-share",
        account="cloister-repository",
        writes=(REPOSITORY,),
        # An off-site copy starts it.
        start=Start.OTHER,
    ),
    Service(
        name="cloister-offsite",
        account="cloister-offsite",
        network=Network.HOST,
        writes=(COPIES, f"{OPERATIONS}/offsite-%i", TARGETS),
        disks=True,
        reads=(REPOSITORY, REPOSITORY_LOCK, MODELS_LOCK),
        instances=_numbers(MOST_TARGETS),
        start=Start.OPERATION,
    ),
    Service(
        name="cloister-restore",
        account="cloister-postgres",
        writes=(f"{LIB}/postgres", DOCUMENTS, f"{LIB}/ollama", f"{OPERATIONS}/restore"),
        reads=(DATABASE, REPOSITORY_SERVER, COPIES, REPOSITORY_LOCK, MODELS_LOCK),
        # The account owns the files of the database in any case.
        role=Role.OWNER,
        start=Start.OPERATION,
        has_key=True,
    ),
    Service(
        name="cloister-acme",
        account="cloister-acme",
        network=Network.HOST,
        writes=(f"{LIB}/acme", CHALLENGES, f"{OPERATIONS}/acme"),
        start=Start.OPERATION,
    ),
)


def roles_by_account() -> dict[str, tuple[str, ...]]:
    """Return which account of the package may become which roles of the database."""
    found: dict[str, tuple[str, ...]] = {}
    for service in SERVICES:
        if service.account and service.role and service.role not in found.get(service.account, ()):
            found[service.account] = (*found.get(service.account, ()), service.role.value)
    return found
