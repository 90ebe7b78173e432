"""Where things are and how they are reached: read once from the environment, then passed down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1024 * 1024
GIBIBYTE = 1024 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting a process may need; all paths are absolute.

    What an operator changes while Cloister runs (models, people) is in the database instead.
    """

    home: Path
    port: int = 8080
    bind: str = "127.0.0.1"
    chat_processes: int = 1
    ollama_url: str | None = None
    nginx: str | None = None
    upload_limit: int = 100 * MEBIBYTE
    generation_slots: int = 4
    context_tokens: int = 8192
    secure_cookies: bool = False
    account: str | None = None

    @property
    def runner_address(self) -> str:
        """The model runner; where none is known, a socket that nobody serves yet."""
        return self.ollama_url or f"unix://{self.run / 'ollama.sock'}"

    @property
    def run(self) -> Path:
        """Sockets and process records: gone after a reboot, never backed up."""
        return self.home / "run"

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
        """PostgreSQL's data directory."""
        return self.home / "postgres"

    @property
    def models(self) -> Path:
        """The model runner's models, and its home."""
        return self.home / "ollama"

    @property
    def database_socket(self) -> Path:
        """The directory that holds PostgreSQL's socket."""
        return self.run / "postgres"

    @property
    def console_socket(self) -> Path:
        """The console, as Nginx reaches it."""
        return self.run / "console.sock"

    @property
    def control_socket(self) -> Path:
        """The supervisor, as the command line reaches it. Only the owner may connect."""
        return self.run / "control.sock"

    @property
    def ingest_socket(self) -> Path:
        """Ingest, as the supervisor asks it for its health."""
        return self.run / "ingest.sock"

    def chat_socket(self, worker: int) -> Path:
        """Chat server number `worker`, counted from 1."""
        return self.run / f"chat-{worker}.sock"

    @property
    def address(self) -> str:
        """Where people open the chat."""
        return f"http://{self.bind}:{self.port}"

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
        }
        return {
            "CLOISTER_HOME": str(self.home),
            "CLOISTER_PORT": str(self.port),
            "CLOISTER_BIND": self.bind,
            "CLOISTER_CHAT_PROCESSES": str(self.chat_processes),
            "CLOISTER_UPLOAD_LIMIT": str(self.upload_limit),
            "CLOISTER_GENERATION_SLOTS": str(self.generation_slots),
            "CLOISTER_CONTEXT_TOKENS": str(self.context_tokens),
            "CLOISTER_SECURE_COOKIES": "1" if self.secure_cookies else "0",
            **{name: value for name, value in optional.items() if value},
        }


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings that `make run`, the units and the tests set as CLOISTER_* variables."""
    home = Path(environment.get("CLOISTER_HOME", "var")).absolute()
    return Settings(
        home=home,
        port=int(environment.get("CLOISTER_PORT", "8080")),
        bind=environment.get("CLOISTER_BIND", "127.0.0.1"),
        chat_processes=int(environment.get("CLOISTER_CHAT_PROCESSES", "1")),
        ollama_url=environment.get("OLLAMA_HOST") or None,
        nginx=environment.get("CLOISTER_NGINX") or None,
        upload_limit=int(environment.get("CLOISTER_UPLOAD_LIMIT", str(100 * MEBIBYTE))),
        generation_slots=int(environment.get("CLOISTER_GENERATION_SLOTS", "4")),
        context_tokens=int(environment.get("CLOISTER_CONTEXT_TOKENS", "8192")),
        secure_cookies=environment.get("CLOISTER_SECURE_COOKIES") == "1",
        account=environment.get("CLOISTER_ACCOUNT") or None,
    )
