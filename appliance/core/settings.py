"""Where things are and how they are reached: read once from the environment, then passed down."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appliance.core.variables import (
    CHAT_PROCESSES,
    CLAIM_MINUTES,
    CONTEXT_TOKENS,
    EXPECTED_FLAG,
    FLAGS,
    GENERATION_SLOTS,
    HOST,
    HOST_NAMES,
    HSTS_DAYS,
    PLAIN_PORT,
    PORT,
    PROXY_PROTOCOL,
    SECURE_COOKIES,
    TIME_ZONE,
    TRUSTED_PROXY,
    UPLOAD_LIMIT,
    WITH_TLS,
    Names,
    Number,
    SettingError,
)

MOST_TARGETS = 4
# What an administrator sets before the start of an installed appliance, and its last version
# without an error, which each process can read and only the supervisor's account can write.
ENVIRONMENT_FILE = Path("/etc/cloister/cloister.env")
LAST_GOOD_ENVIRONMENT = Path("/var/lib/cloister/settings/cloister.env")
# The user that the package made for the supervisor, and that root's commands act as.
PACKAGED_ACCOUNT = "cloister"


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting a process may need; all paths are absolute.

    What an operator changes while Cloister runs (models, people, `appliance.settings`) is in the
    database instead; the values here are only the defaults of that. What of it the start needs is
    in `start_file` as well.
    `packaged` says that the Debian package made the accounts and the directories: each process
    then is a user of its own, and none of them creates or opens up a directory of another.
    """

    home: Path
    packaged: bool = False
    runtime: Path | None = None
    host: str = "localhost"
    port: int = PORT.default
    bind: str = "127.0.0.1"
    chat_processes: int = CHAT_PROCESSES.default
    ollama_url: str | None = None
    nginx: str | None = None
    upload_limit: int = UPLOAD_LIMIT.default
    generation_slots: int = GENERATION_SLOTS.default
    context_tokens: int = CONTEXT_TOKENS.default
    claim_minutes: int = CLAIM_MINUTES.default
    secure_cookies: bool = False
    account: str | None = None
    # Whose word on a client's address Nginx believes; which names of this machine it serves.
    trusted_proxy: tuple[str, ...] = ()
    proxy_protocol: bool = False
    host_names: tuple[str, ...] = ()
    # A clone serves over TLS only if that is wanted; on `plain_port` it then leads people to TLS.
    with_tls: bool = False
    plain_port: int = PLAIN_PORT.default
    # For how long a browser insists on TLS with a certificate that it trusts; zero: it never does.
    hsts_days: int = HSTS_DAYS.default
    # The zone of local times; that of the machine without one.
    time_zone: str = ""
    # What the environment says, where an operator has set something else.
    environment: Settings | None = field(default=None, repr=False, compare=False)

    @property
    def https(self) -> bool:
        """Whether people connect to Nginx over TLS."""
        return self.packaged or self.with_tls

    @property
    def defaults(self) -> Settings:
        """What counts where an operator has set nothing."""
        return self.environment or self

    @property
    def runner_address(self) -> str:
        """The model runner's address; without a runner, the socket that one would serve."""
        return self.ollama_url or f"unix://{self.run / 'ollama' / 'ollama.sock'}"

    @property
    def run(self) -> Path:
        """Sockets and process records, a folder a process: gone after a reboot, never backed up."""
        return self.runtime or self.home / "run"

    @property
    def state(self) -> Path:
        """What the supervisor itself remembers."""
        return self.home / "state"

    @property
    def start_file(self) -> Path:
        """What an operator has set that the start needs: `appliance.core.start_settings`."""
        return self.home / "settings" / "start.json"

    @property
    def tls(self) -> Path:
        """The certificate of the web server with its key, and the one before it."""
        return self.home / "tls"

    @property
    def acme(self) -> Path:
        """The accounts of this machine at authorities that make certificates (ACME)."""
        return self.home / "acme"

    @property
    def acme_hooks(self) -> Path:
        """The programs that publish records for DNS-01. Packaged, root alone puts them there."""
        return (
            ENVIRONMENT_FILE.with_name("acme-hooks") if self.packaged else self.home / "acme-hooks"
        )

    @property
    def authority(self) -> Path:
        """The machine's own certificate authority: its certificate with its key."""
        return self.home / "authority"

    @property
    def certificates(self) -> Path:
        """What of both is no secret: certificates and requests, for every account to read."""
        return self.home / "certificates"

    @property
    def logs(self) -> Path:
        """One log file a unit."""
        return self.home / "log"

    @property
    def documents(self) -> Path:
        """Uploaded files under their SHA-256, and `incoming/` beside them."""
        return self.home / "documents"

    @property
    def database(self) -> Path:
        """PostgreSQL's data directory: its own account needs room for a new one beside it."""
        folder = self.home / "postgres"
        return folder / "data" if self.packaged else folder

    @property
    def models(self) -> Path:
        """The model runner's models, and its home."""
        return self.home / "ollama"

    @property
    def repository(self) -> Path:
        """The encrypted backups of this machine. Packaged, their server alone can change them."""
        return self.home / "repository"

    @property
    def backup(self) -> Path:
        """Where sets are put together and drills restore them, and what the repository holds."""
        return self.home / "backup"

    @property
    def offsite(self) -> Path:
        """The targets of off-site copies, with what is needed to reach them."""
        return self.home / "offsite"

    @property
    def operations(self) -> Path:
        """What the supervisor and the operations say to each other, a folder an operation."""
        return self.run / "operations"

    @property
    def repository_socket(self) -> Path:
        """The server of the repository, which adds and never removes."""
        return self.run / "repository" / "repository.sock"

    @property
    def repository_lock(self) -> Path:
        """Held by those who read or add, or by the one who removes."""
        return self.operations / "repository.lock"

    @property
    def models_lock(self) -> Path:
        """The same for the models that are saved: their copy may take days."""
        return self.operations / "models.lock"

    @property
    def database_socket(self) -> Path:
        """The directory that holds PostgreSQL's socket."""
        return self.run / "postgres"

    @property
    def console_socket(self) -> Path:
        """The console, as Nginx reaches it."""
        return self.run / "console" / "console.sock"

    @property
    def control_socket(self) -> Path:
        """The supervisor, as the command line reaches it. Only the owner may connect."""
        return self.run / "control" / "control.sock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the one supervisor of this home."""
        return self.control_socket.with_name("supervisor.lock")

    @property
    def ingest_socket(self) -> Path:
        """Ingest, as the supervisor asks it for its health."""
        return self.run / "ingest" / "ingest.sock"

    @property
    def ingest_heartbeat(self) -> Path:
        """The signs of life of ingest, as the supervisor reads them."""
        return self.ingest_socket.with_suffix(".heartbeat")

    def chat_socket(self, worker: int) -> Path:
        """Chat server number `worker`, counted from 1."""
        return self.run / "chat" / f"{worker}.sock"

    def chat_heartbeat(self, worker: int) -> Path:
        """The signs of life of chat server number `worker`, as the supervisor reads them."""
        return self.chat_socket(worker).with_suffix(".heartbeat")

    def command_socket(self, worker: int) -> Path:
        """The same chat server, as the command line reaches it. Nginx cannot connect here."""
        return self.run / "commands" / f"{worker}.sock"

    @property
    def nginx_folder(self) -> Path:
        """Nginx's configuration and temporary files."""
        return self.run / "nginx"

    @property
    def nginx_health_socket(self) -> Path:
        """Nginx, as the supervisor asks it for its health from inside its own empty network."""
        return self.nginx_folder / "health.sock"

    @property
    def nginx_tls_socket(self) -> Path:
        """Nginx, as the supervisor sees which certificate it serves."""
        return self.nginx_folder / "tls.sock"

    @property
    def acme_challenges(self) -> Path:
        """The answers to challenges of an ACME server, which Nginx serves without TLS."""
        return self.run / "acme"

    @property
    def runner_condition(self) -> Path:
        """The file of the model runner's condition: one word, written by the supervisor."""
        return self.run / "health" / "model-runner"

    @property
    def reader_condition(self) -> Path:
        """The file of the document reader's condition: one word, written by the supervisor."""
        return self.run / "health" / "document-reader"

    @property
    def motd(self) -> Path:
        """What people read who log in to the machine itself."""
        return self.run / "motd" / "motd"

    @property
    def address(self) -> str:
        """Where people open the chat."""
        if self.packaged:
            return f"https://{self.host}"
        return f"{'https' if self.https else 'http'}://{self.bind}:{self.port}"

    @property
    def console_address(self) -> str:
        """Where the operator opens the console: behind Nginx, or on a port of its own without."""
        return self.address if self.nginx else f"http://{self.bind}:{self.port + 1}"

    def as_environment(self) -> dict[str, str]:
        """Return the variables from which `from_environment` reads these settings again."""
        optional = {
            "OLLAMA_HOST": self.ollama_url,
            "CLOISTER_NGINX": self.nginx,
            "CLOISTER_ACCOUNT": self.account,
            "CLOISTER_RUN": self.runtime and str(self.runtime),
            "CLOISTER_PACKAGED": self.packaged and "1",
            TRUSTED_PROXY.name: " ".join(self.trusted_proxy),
            PROXY_PROTOCOL: self.proxy_protocol and "yes",
            WITH_TLS: self.with_tls and "yes",
            PLAIN_PORT.name: self.plain_port and str(self.plain_port),
            HSTS_DAYS.name: self.hsts_days and str(self.hsts_days),
            HOST_NAMES.name: " ".join(self.host_names),
            TIME_ZONE.name: self.time_zone,
        }
        return {
            "CLOISTER_HOME": str(self.home),
            HOST.name: self.host,
            "CLOISTER_PORT": str(self.port),
            "CLOISTER_BIND": self.bind,
            "CLOISTER_CHAT_PROCESSES": str(self.chat_processes),
            "CLOISTER_UPLOAD_LIMIT": str(self.upload_limit),
            "CLOISTER_GENERATION_SLOTS": str(self.generation_slots),
            "CLOISTER_CONTEXT_TOKENS": str(self.context_tokens),
            CLAIM_MINUTES.name: str(self.claim_minutes),
            SECURE_COOKIES: "1" if self.secure_cookies else "0",
            **{name: value for name, value in optional.items() if value},
        }


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings that `make run`, the units and the tests set as CLOISTER_* variables.

    Raises SettingError for a value that is not allowed.
    """
    packaged = environment.get("CLOISTER_PACKAGED") == "1"
    runtime = environment.get("CLOISTER_RUN")
    with_tls = not packaged and _flag(environment, WITH_TLS, default=False)
    return Settings(
        home=Path(environment.get("CLOISTER_HOME", "var")).absolute(),
        packaged=packaged,
        runtime=Path(runtime).absolute() if runtime else None,
        host=environment.get(HOST.name) or socket.gethostname(),
        bind=environment.get("CLOISTER_BIND", "127.0.0.1"),
        # Packaged, no process has a network on which it could reach another machine's runner.
        ollama_url=None if packaged else environment.get("OLLAMA_HOST") or None,
        nginx=environment.get("CLOISTER_NGINX") or None,
        with_tls=with_tls,
        plain_port=_number(environment, PLAIN_PORT) if with_tls else PLAIN_PORT.default,
        hsts_days=_number(environment, HSTS_DAYS),
        secure_cookies=_flag(environment, SECURE_COOKIES, default=packaged or with_tls),
        trusted_proxy=TRUSTED_PROXY.parse(environment.get(TRUSTED_PROXY.name, "")),
        proxy_protocol=_flag(environment, PROXY_PROTOCOL, default=False),
        host_names=HOST_NAMES.parse(environment.get(HOST_NAMES.name, "")),
        time_zone=_single(environment, TIME_ZONE),
        account=environment.get("CLOISTER_ACCOUNT") or None,
        port=_number(environment, PORT),
        chat_processes=_number(environment, CHAT_PROCESSES),
        upload_limit=_number(environment, UPLOAD_LIMIT),
        generation_slots=_number(environment, GENERATION_SLOTS),
        context_tokens=_number(environment, CONTEXT_TOKENS),
        claim_minutes=_number(environment, CLAIM_MINUTES),
    )


def _number(environment: Mapping[str, str], variable: Number) -> int:
    value = environment.get(variable.name, "").strip()
    if not value:
        return variable.default
    if not variable.accepts(value):
        raise SettingError(name=variable.name, value=value, expected=variable.expected)
    return int(value)


def _single(environment: Mapping[str, str], variable: Names) -> str:
    """Return the value of a variable that holds at most one. Raises SettingError."""
    text = environment.get(variable.name, "").strip()
    if text and not variable.accepts(text):
        raise SettingError(name=variable.name, value=text, expected=variable.expected)
    return text


def _flag(environment: Mapping[str, str], name: str, *, default: bool) -> bool:
    value = environment.get(name, "").strip()
    if value and value not in FLAGS:
        raise SettingError(name=name, value=value, expected=EXPECTED_FLAG)
    return FLAGS[value] if value else default
