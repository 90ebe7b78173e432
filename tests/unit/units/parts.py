"""Settings and programs with fixed paths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from appliance.core.settings import Settings
from appliance.units.programs import PostgresProgram, Programs

SETTINGS = Settings(home=Path("/srv/cloister"), chat_processes=2)
POSTGRES = PostgresProgram(Path("/usr/lib/postgresql/17/bin"), 17)
PROGRAMS = Programs(
    python=Path("/usr/bin/python3"),
    postgres=POSTGRES,
    nginx=Path("/usr/sbin/nginx"),
    ollama=Path("/usr/local/bin/ollama"),
    ollama_port=40404,
)


def programs(**changes: object) -> Programs:
    return replace(PROGRAMS, **changes)  # type: ignore[arg-type]
