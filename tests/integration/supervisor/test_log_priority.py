"""A program writes through another one, which puts priorities before its lines."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from appliance.core.process import environment
from appliance.core.python import module_environment
from appliance.units import log_priority

LAUNCH = """
import os, socket, sys
from pathlib import Path
from appliance.core.exec_program import OutputFilter, exec_program

# A socket that systemd has passed: it is for the program, and not for what carries its lines.
passed = socket.create_server(("127.0.0.1", 0))
os.set_inheritable(passed.fileno(), True)
os.environ["LISTEN_FDS"] = str(passed.fileno())
script, log_format, lock = sys.argv[1:]
through = OutputFilter((sys.executable, "-I", "-S", script, log_format), Path(lock))
exec_program((sys.executable, "-c", sys.stdin.read()), {}, output=through)
"""
PROGRAM = """
import json, os, sys
from pathlib import Path

def descriptors(pid):
    return [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]

def holds_the_lock(pid):
    try:
        return LOCK in descriptors(pid)
    except OSError:
        return False

def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

LOCK = LOCK_PATH
pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
(carrier,) = [pid for pid in pids if holds_the_lock(pid)]
print("nginx: [emerg] the key does not fit", file=sys.stderr, flush=True)
own = os.readlink(f"/proc/self/fd/{os.environ['LISTEN_FDS']}")
facts = {
    "own child": parent(carrier) == os.getpid(),
    "has the socket": own in descriptors(carrier),
}
print(json.dumps(facts), flush=True)
"""


async def test_lines_arrive_with_their_priority_by_way_of_a_stranger(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LAUNCH, log_priority.__file__, "nginx", str(lock)),
        env=environment(module_environment()),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    program = PROGRAM.replace("LOCK_PATH", repr(str(lock)))
    written, errors = await asyncio.wait_for(process.communicate(program.encode()), 20)
    assert errors == b""
    first, second = written.decode().splitlines()
    assert first == "<2>nginx: [emerg] the key does not fit"
    assert second.startswith("<2>")
    facts = json.loads(second.removeprefix("<2>"))
    assert facts == {"own child": False, "has the socket": False}


async def test_who_waits_for_the_lock_has_every_line(tmp_path: Path) -> None:
    lock, out = tmp_path / "lock", tmp_path / "out"
    lines = 20000
    program = f"for number in range({lines}): print('nginx: [warn]', number)"
    with out.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", LAUNCH, log_priority.__file__, "nginx", str(lock)),
            env=environment(module_environment()),
            stdin=PIPE,
            stdout=file,
            stderr=PIPE,
        )
    assert process.stdin
    process.stdin.write(program.encode())
    process.stdin.close()
    await asyncio.wait_for(process.wait(), 20)
    # What the units' ExecStopPost= does.
    waiting = await asyncio.create_subprocess_exec(
        "flock", "--timeout=20", str(lock), "/usr/bin/true"
    )
    assert await waiting.wait() == 0
    assert out.read_text().splitlines()[-1] == f"<4>nginx: [warn] {lines - 1}"
