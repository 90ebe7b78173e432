"""No test asserts how many seconds something takes: how busy the machine is would decide it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time", "time"}


def readings(tree: ast.AST) -> Iterator[ast.AST]:
    """Find calls of the clocks of the module `time` and of an event loop, not of a `Clock`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value)
            if node.func.attr in CLOCKS and (owner == "time" or owner.endswith("loop()")):
                yield node


def timed_assertions(source: str) -> list[int]:
    """Return the lines of assertions about a clock, or about a variable that was made of one."""
    tree = ast.parse(source)
    timed: set[str] = set()
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(readings(node.value)):
            timed |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            names = {name.id for name in ast.walk(node.test) if isinstance(name, ast.Name)}
            if any(readings(node.test)) or names & timed:
                found.append(node.lineno)
    return found


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("began = time.monotonic()\nwork()\nassert time.monotonic() - began < 5", [3]),
        ("took = asyncio.get_running_loop().time() - began\nassert took < 5", [2]),
        ("assert clock.monotonic() == start", []),
    ],
)
def test_it_finds_them(source: str, lines: list[int]) -> None:
    assert timed_assertions(source) == lines


def test_there_is_none() -> None:
    sources = {path: path.read_text() for path in TESTS.rglob("*.py")}
    found = {
        str(path.relative_to(TESTS)): lines
        for path, source in sources.items()
        if (lines := timed_assertions(source))
    }
    assert found == {}
