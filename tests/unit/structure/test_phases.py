"""Only the supervisor decides by phases; everybody else asks a phase what it means."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.supervisor.model import Phase

ROOT = Path(__file__).resolve().parents[3]
SITES = ("appliance", "admin", "webchat")
# Phases are made and compared here, and nowhere else.
DECIDES = ROOT / "appliance" / "supervisor"
SHOWS = [
    path
    for site in SITES
    for path in sorted((ROOT / site).rglob("*.py"))
    if not path.is_relative_to(DECIDES)
]
TEMPLATES = [path for site in SITES for path in sorted((ROOT / site).rglob("*.html"))]
# Words that are phases and nothing else; "ready" or "failed" are states of other things, too.
OWN_WORDS = {Phase.GAVE_UP.value, Phase.GAVE_UP.value.replace(" ", "_")}
COMPARED = re.compile(
    r"\.phase\s*(?:==|!=|(?:not\s+)?in\b|\|)"
    r"|[\"'](?:" + "|".join(sorted(OWN_WORDS)) + r")[\"']"
)


def literal_phases(tree: ast.AST) -> Iterator[str]:
    """Yield each use of a member of Phase, by its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="Phase"), attr=name) if name.isupper():
                yield f"line {node.lineno}: Phase.{name}"
            case ast.Constant(value=str(word)) if word in OWN_WORDS:
                yield f"line {node.lineno}: “{word}”"
            case ast.Compare(left=ast.Attribute(attr="phase"), comparators=others) if any(
                map(_is_literal, others)
            ):
                yield f"line {node.lineno}: a phase is compared"
            case _:
                pass


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant | ast.Set | ast.Tuple | ast.List)


@pytest.mark.parametrize(
    "source",
    [
        "WELL = {Phase.READY, Phase.DONE}",
        "if unit.phase is Phase.READY: pass",
        "bad = unit['state'] == 'gave up'",
        "if unit.phase in ('ready', 'done'): pass",
        "match phase:\n    case Phase.FAILED: pass",
    ],
)
def test_a_set_of_phases_or_a_comparison_with_one_is_found(source: str) -> None:
    assert list(literal_phases(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "phase: Phase = unit.phase",
        "if unit.phase.is_healthy: pass",
        "told.get(view.name) is not view.phase",
        "Phase(unit['state'])",
    ],
)
def test_asking_a_phase_what_it_means_is_allowed(source: str) -> None:
    assert not list(literal_phases(ast.parse(source)))


@pytest.mark.parametrize("path", SHOWS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_outside_the_supervisor_decides_by_phases(path: Path) -> None:
    found = list(literal_phases(ast.parse(path.read_text())))
    assert not found, "ask a property of Phase, or add one to appliance/supervisor/model.py"


def test_a_comparison_in_a_template_is_found() -> None:
    assert COMPARED.search("{% if unit.phase in ('ready', 'done') %}")
    assert COMPARED.search("{% if unit.phase == 'ready' %}")
    assert COMPARED.search("{'gave_up': 'bad'}")
    assert not COMPARED.search("{% if unit.phase.is_healthy %}{{ ui.badge(unit.phase) }}")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_template_decides_by_phases(path: Path) -> None:
    found = COMPARED.search(path.read_text())
    assert not found, "ask a property of Phase, or add one to appliance/supervisor/model.py"


def test_every_phase_says_what_it_means() -> None:
    for phase in Phase:
        kinds = (phase.is_healthy, phase.is_transient, phase.is_intended, phase.is_broken)
        assert sum(kinds) == 1, phase
        assert phase.predicate
        assert phase.is_settled or not phase.can_be_started
