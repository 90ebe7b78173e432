"""Machines for tests: what every test here may ask for, and when there can be none.

`base` is a fresh server, `installed` one with the appliance on it; both are images. `appliance` is
a machine of the test module's own, started from `installed`, on a `network` of its own.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.machines.ground import Ground, prepared_ground
from tests.machines.installed import install_package, put_in_ollama, wait_until_serving
from tests.machines.machine import Fresh, Image, Machine, new_machine
from tests.machines.neighbour import Neighbour
from tests.machines.network import Network, running_network
from tests.machines.programs import MachineError, run_program
from tests.machines.requirements import REASON

HERE = Path(__file__).parent
SCRIPTS = HERE.parent.parent / "packaging" / "machine"
TEST_SECONDS = 900
APPLIANCE = "10.44.0.1"
CLIENT = "10.44.0.3"
# The folder of a machine stays until all tests are done.
NUMBERS = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue
        if REASON is not None:
            item.add_marker(pytest.mark.skip(reason=f"no machines: {REASON}"))
        elif item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, object, None]:
    """A failure carries the console and the journal of each machine that the test had."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed:
        for machine in _machines_of(item):
            try:
                evidence = machine.evidence()
            except Exception as error:  # noqa: BLE001  the test's own failure must be shown
                evidence = f"there is no more to see: {error}"
            report.sections.append((f"machine {machine.name}", evidence))


def _machines_of(item: pytest.Item) -> list[Machine]:
    values = getattr(item, "funcargs", {}).values()
    return [value for value in values if isinstance(value, Machine)]


@pytest.fixture(scope="session")
def ground() -> Iterator[Ground]:
    """Where this run's machines live; nothing of them is left afterwards."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    # A run that is asked to end cleans up like one that is interrupted at the keyboard.
    former = signal.signal(signal.SIGTERM, interrupt)
    cache = Path(os.environ.get("CLOISTER_CACHE", "/var/cache/cloister"))
    with prepared_ground(cache / "machines") as ground:
        yield ground
    signal.signal(signal.SIGTERM, former)


def _made_by(script: str, *arguments: str) -> Path:
    """What a script of packaging/machine has made: it prints the path as its last line."""
    try:
        printed = run_program(str(SCRIPTS / script), *arguments, seconds=1800).stdout.decode()
    except MachineError as error:
        pytest.fail(str(error), pytrace=False)
    return Path(printed.splitlines()[-1])


@pytest.fixture(scope="session")
def base() -> Image:
    """A fresh Debian 13 server."""
    return Image((_made_by("image", "base"),))


@pytest.fixture(scope="session")
def build() -> Image:
    """A Debian 13 machine with what building and judging a package needs."""
    return Image((_made_by("image", "build"),))


@pytest.fixture(scope="session")
def package() -> Path:
    """The package of this working copy, built anew."""
    return _made_by("deb")


@pytest.fixture(scope="session")
def archive(package: Path) -> Path:
    """A folder with every Debian package that ours needs on a fresh server."""
    return _made_by("archive", str(package))


@pytest.fixture(scope="session")
def fresh(ground: Ground, base: Image, archive: Path) -> Fresh:
    """Makes servers that have never seen the package, with a folder of what it needs."""
    return lambda name: new_machine(ground, name, base, archive=archive)


@pytest.fixture(scope="session")
def installed(ground: Ground, base: Image, package: Path, archive: Path) -> Iterator[Image]:
    """A server on which the appliance was installed without any network, switched off in order."""
    with new_machine(ground, "installed", base, archive=archive) as machine:
        put_in_ollama(machine)
        machine.boot()
        install_package(machine, package)
        wait_until_serving(machine)
        machine.stop()
        yield machine.freeze()


@pytest.fixture
def on_disk(ground: Ground, installed: Image, archive: Path) -> Iterator[Machine]:
    """An installed appliance on a small disk of its own, which can lose power, switched off."""
    name = f"disk-{next(NUMBERS)}"
    with new_machine(ground, name, installed, disk="4G", archive=archive) as machine:
        yield machine


@pytest.fixture(scope="module")
def network(ground: Ground, request: pytest.FixtureRequest) -> Iterator[Network]:
    """A network of the test module's own."""
    with running_network(ground, _label(request)) as network:
        yield network


@pytest.fixture(scope="module")
def client(network: Network) -> Neighbour:
    """A person's computer: `client.run(function)` calls the appliance from its address."""
    return network.neighbour(CLIENT)


@pytest.fixture(scope="module")
def appliance(
    ground: Ground,
    installed: Image,
    archive: Path,
    network: Network,
    request: pytest.FixtureRequest,
) -> Iterator[Machine]:
    """An installed appliance that serves on the module's network, at 10.44.0.1."""
    with new_machine(ground, _label(request), installed, archive=archive) as machine:
        machine.boot(network.place(APPLIANCE))
        wait_until_serving(machine)
        yield machine


def _label(request: pytest.FixtureRequest) -> str:
    module = request.node.path.stem
    # A machine's name is a host name, which has no underscores.
    return str(module).removeprefix("test_").replace("_", "-")
