"""A whole appliance for a test: `make run`'s own start script, in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
STARTED_WITHIN = 90.0
# Runs a command as `nohup` and a script's `&` do, together.
IN_THE_BACKGROUND = ("sh", "-c", "trap '' HUP INT; exec \"$@\"", "sh")


@contextmanager
def fake_ollama(**behaviour: object) -> Iterator[str]:
    """Run the fake Ollama as a process of its own, and return its address."""
    address = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, "OLLAMA_HOST": address}
    environment["FAKE_OLLAMA_BEHAVIOUR"] = json.dumps(behaviour)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.ollama", "serve"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _answers(f"http://{address}/"), "the fake Ollama to answer")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(10)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).status_code < 500
    except httpx.TransportError:
        return False


def wait_until(condition: Any, what: str, within: float = 30.0) -> Any:
    """Ask again and again until `condition()` is true; return what it returned."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    message = f"waited {within:.0f} s in vain for {what}"
    raise AssertionError(message)


@dataclass
class Appliance:
    """A running appliance; `lines` is what it has printed so far."""

    home: Path
    port: int
    environment: Mapping[str, str]
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where the chat is."""
        scheme = "https" if self.environment.get("CLOISTER_TLS") == "yes" else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        """Everything that it has printed."""
        return "\n".join(self.lines)

    @property
    def claim_link(self) -> str:
        """The link that makes its holder an operator."""
        found = re.search(r"http\S+/admin/claim#\S+", self.output)
        assert found, self.output
        return found[0]

    def read_lines(self) -> None:
        """Keep what it prints, in a thread, so that it never waits for its reader."""
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip("\n"))

    def run_cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `cloister …` for this appliance."""
        return subprocess.run(
            [sys.executable, "-m", "appliance", *arguments],
            cwd=ROOT,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def cli(self, *arguments: str, check: bool = True) -> Any:
        """Run `cloister … --json` for this appliance and return what it printed."""
        finished = self.run_cli(*arguments, "--json")
        assert not check or finished.returncode == 0, finished.stderr + finished.stdout
        return json.loads(finished.stdout or finished.stderr)

    def unit(self, name: str) -> Any:
        """Return one unit as `cloister status` knows it."""
        with self._control() as client:
            return client.get(f"/units/{name}").json()

    def wait_for(
        self, name: str, state: str, *, unlike: int | None = None, within: float = 30.0
    ) -> Any:
        """Wait until a unit has a state, with another process than `unlike`; return the unit."""

        def look() -> Any:
            unit = self.unit(name)
            return unit if unit["state"] == state and unit["pid"] != (unlike or -1) else None

        return wait_until(look, f"{name} to be {state}", within)

    def status(self) -> dict[str, str]:
        """Return every unit's state, as `cloister status` shows it."""
        with self._control() as client:
            return {unit["name"]: unit["state"] for unit in client.get("/units").json()["units"]}

    def _control(self) -> httpx.Client:
        transport = httpx.HTTPTransport(uds=str(self.home / "run" / "control" / "control.sock"))
        return httpx.Client(transport=transport, base_url="http://control", timeout=10)

    def kill(self, name: str) -> int:
        """End a unit's process by force; return its process id."""
        pid: int = self.unit(name)["pid"]
        os.kill(pid, signal.SIGKILL)
        return pid

    def hang(self, name: str) -> list[int]:
        """Stop a unit's processes without ending them; return their ids, its own first."""
        pid: int = self.unit(name)["pid"]
        stopped = [pid, *_children_of(pid)]
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        return stopped

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal that ends it, and wait for the end; return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end, with all that was printed read; return the exit code."""
        code = self.process.wait(60)
        if self.reader is not None:
            self.reader.join(10)
        return code


@contextmanager
def running_appliance(
    home: Path,
    *,
    port: int | None = None,
    ollama: str | None = None,
    starter: tuple[str, ...] = (),
    **variables: str,
) -> Iterator[Appliance]:
    """Start with `make run`'s script, wait until it says that it is ready, stop at the end.

    `starter` is a command that runs the script in its own way.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "CLOISTER_HOME": str(home),
        "CLOISTER_PORT": str(port or free_port()),
        **variables,
    }
    if ollama:
        environment["OLLAMA_HOST"] = ollama
    process = subprocess.Popen(
        [*starter, str(ROOT / "packaging/clone/run")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    appliance = Appliance(home, int(environment["CLOISTER_PORT"]), environment, process)
    # Units inherit the pipe of a killed supervisor only by mistake: then this thread would hang.
    appliance.reader = threading.Thread(target=appliance.read_lines, daemon=True)
    appliance.reader.start()
    try:
        wait_until(
            lambda: "Ctrl-C stops everything." in appliance.lines or process.poll() is not None,
            "the appliance to be ready",
            STARTED_WITHIN,
        )
        if process.poll() is not None:
            appliance.wait()
            raise AssertionError(appliance.output)
        yield appliance
    finally:
        if process.poll() is None:
            appliance.stop()
        appliance.wait()


@contextmanager
def home_folder() -> Iterator[Path]:
    """A folder for an appliance's data that the unprivileged account can reach.

    Its parent is the test's own: files for the command line, which acts as that account, go there.
    """
    folder = Path(tempfile.mkdtemp(prefix="cloister-home-"))
    folder.chmod(0o755)
    try:
        yield folder / "var"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _children_of(pid: int) -> list[int]:
    found = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in listed.read_text().split()]
    return found


def processes_of(home: Path) -> list[int]:
    """Return every process that stands in this appliance's folder, or was told of it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            # PostgreSQL writes over its environment, but its processes stand in its directory.
            text += bytes((entry / "cwd").readlink())
        except OSError:
            continue
        if str(home).encode() in text:
            found.append(int(entry.name))
    return found
