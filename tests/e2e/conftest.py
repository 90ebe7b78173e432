"""One appliance for the tests of a module, with an operator and the fake model runner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.appliance import Appliance, fake_ollama, home_folder, running_appliance
from tests.e2e.visitor import Program, Visitor, claimed, program


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that does not exist yet, for the data of one test's own appliance."""
    with home_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def runner() -> Iterator[str]:
    """The address of the fake model runner."""
    with fake_ollama() as address:
        yield address


@pytest.fixture(scope="module")
def appliance(runner: str) -> Iterator[Appliance]:
    """A running appliance that the tests of a module share."""
    with home_folder() as folder, running_appliance(folder, ollama=runner) as started:
        yield started


@pytest.fixture(scope="module")
def operator(appliance: Appliance) -> Iterator[Visitor]:
    """The operator, who has claimed the appliance and is signed in."""
    with claimed(appliance) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def client(appliance: Appliance, operator: Visitor) -> Iterator[Program]:
    """A program with a key that has every scope."""
    with program(appliance) as found:
        yield found
