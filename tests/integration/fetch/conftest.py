"""The command in a folder of its own, with the fake as the machine's `ollama`."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Machine:
    """Programs on the PATH, and the appliance's home."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def models(self) -> Path:
        return self.folder / "home" / "ollama"

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    def install(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "CLOISTER_HOME": str(self.folder / "home"),
            "CLOISTER_RUN": str(self.folder / "run"),
            "TMPDIR": str(self.folder / "tmp"),
            **self.variables,
        }

    def behave(self, **behaviour: object) -> None:
        """Set how the fake behaves from its next start on."""
        (self.folder / "behaviour.json").write_text(json.dumps(behaviour))

    async def start(self, *arguments: str, prefix: tuple[str, ...] = ()) -> Process:
        return await asyncio.create_subprocess_exec(
            *prefix,
            *(sys.executable, "-m", "appliance", *arguments),
            cwd=ROOT,
            env=self.environment(),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )

    async def run(self, *arguments: str, prefix: tuple[str, ...] = ()) -> tuple[int, str, str]:
        """Run the command to its end: its code, what it printed, and its errors."""
        process = await self.start(*arguments, prefix=prefix)
        stdout, stderr = await process.communicate()
        return process.returncode or 0, stdout.decode(), stderr.decode()

    @staticmethod
    async def wait_for_line(process: Process, text: str) -> None:
        """Read what it prints until a line has this text in it."""
        assert process.stdout is not None
        while line := await process.stdout.readline():
            if text in line.decode():
                return
        raise AssertionError((await process.communicate())[1].decode())

    def programs_left(self) -> list[int]:
        """Return every process that serves the models of this machine."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                text = (entry / "environ").read_bytes()
            except (OSError, ValueError):
                continue
            if f"OLLAMA_MODELS={self.models}".encode() in text:
                found.append(int(entry.name))
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    for folder in (made.programs, made.models, tmp_path / "run", tmp_path / "tmp"):
        folder.mkdir(parents=True)
    made.models.chmod(0o2770)
    made.behave()
    # exec, so that the program that is started is the one that serves.
    behaviour = shlex.quote(str(tmp_path / "behaviour.json"))
    made.install(
        "ollama",
        f"cd {shlex.quote(str(ROOT))}\n"
        f'FAKE_OLLAMA_BEHAVIOUR="$(cat {behaviour})" '
        f'exec {shlex.quote(sys.executable)} -m tests.fakes.ollama "$@"',
    )
    return made
