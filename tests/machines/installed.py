"""Make a machine on which the appliance was installed the way an administrator does it."""

from __future__ import annotations

from pathlib import Path

from tests.machines.machine import Machine

FAKES = Path(__file__).parent.parent / "fakes"
FAKE_HOME = "/usr/local/lib/fake-ollama"
OLLAMA = f"""#!/bin/sh
# Stands for the real program, which the operator of an appliance puts here.
export PYTHONPATH={FAKE_HOME} PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 -m tests.fakes.ollama "$@"
"""


def put_in_ollama(machine: Machine) -> None:
    """Give the machine a model runner: the fake, as /usr/local/bin/ollama."""
    machine.write(f"{FAKE_HOME}/tests/__init__.py", "")
    for module in sorted(FAKES.glob("*.py")):
        if module.stem == "__init__" or module.stem.startswith("ollama"):
            machine.write(f"{FAKE_HOME}/tests/fakes/{module.name}", module.read_text())
    machine.write("/usr/local/bin/ollama", OLLAMA, 0o755)


# A page of the site itself, for everybody; until it can be reached Nginx says 503.
SITE_ANSWERS = """/usr/bin/python3 -c '
import ssl, urllib.request
unverified = ssl._create_unverified_context()
urllib.request.urlopen("https://127.0.0.1/sign-in", context=unverified, timeout=5)
'"""


def wait_until_serving(machine: Machine, seconds: float = 60) -> None:
    """Return as soon as the appliance answers over HTTPS on its own machine."""
    machine.wait_until(SITE_ANSWERS, seconds)


def install_package(machine: Machine, package: Path, seconds: float = 400) -> str:
    """Install the package as its instructions say, and return what was printed."""
    # Not root's home: apt reads packages as an account of its own.
    machine.copy_in(package, "/srv")
    command = f"apt-get install -y /srv/{package.name}"
    done = machine.run(command, seconds=seconds)
    return done.stdout + done.stderr


def assert_debians_own_are_off(machine: Machine) -> None:
    """Neither the database nor the web server that Debian starts with the programs."""
    assert machine.run("pg_lsclusters --no-header").stdout == ""
    assert machine.run("systemctl is-active nginx", check=False).stdout == "inactive\n"
