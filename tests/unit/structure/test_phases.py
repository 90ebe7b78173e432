"""Only the supervisor decides by phases; all other code asks a phase what it means."""

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
WORDS = {phase.value for phase in Phase} | {phase.name for phase in Phase}
# The ways in which a template reads a phase: `unit.phase`, `unit['phase']`, `phase`, `.value`.
_READS = r"\bphase\b(?:['\"]\])?(?:\.(?:value|name)|\s*\|\s*\w+)?"
COMPARED = re.compile(
    rf"{_READS}\s*(?:==|!=|(?:not\s+)?in\b)"
    rf"|(?:==|!=)\s*\w*[.\['\"]*{_READS}"
    rf"|\}}\s*\[[^\]]*{_READS}"
    r"|[\"'](?:" + "|".join(sorted(OWN_WORDS)) + r")[\"']"
)


def literal_phases(tree: ast.AST) -> Iterator[str]:
    """Yield each use of a member of Phase, by its line."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.Attribute(value=ast.Name(id="Phase") | ast.Attribute(attr="Phase"), attr=name)
                | ast.Subscript(value=ast.Name(id="Phase"), slice=ast.Constant(value=str(name)))
                | ast.Call(func=ast.Name(id="Phase"), args=[ast.Constant(value=str(name))])
            ):
                yield f"line {node.lineno}: Phase.{name}"
            case ast.alias(name="Phase", asname=str(name)):
                yield f"Phase is imported as {name}"
            case ast.Set(elts=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts) if _are_phases(
                parts
            ):
                yield f"line {node.lineno}: a set of phases"
            case ast.Dict(keys=keys) if _are_phases(keys):
                yield f"line {node.lineno}: a table by phase"
            case ast.Constant(value=str(word)) if word in OWN_WORDS:
                yield f"line {node.lineno}: “{word}”"
            case ast.Compare(left=left, comparators=others) if any(
                map(_reads_phase, (left, *others))
            ) and any(map(_is_literal, (left, *others))):
                yield f"line {node.lineno}: a phase is compared"
            case ast.Match(subject=subject) if _reads_phase(subject):
                yield f"line {node.lineno}: a phase is matched"
            case ast.Call(func=ast.Attribute(value=value, attr="startswith" | "endswith")) if (
                _reads_phase(value)
            ):
                yield f"line {node.lineno}: a phase is compared"
            case _:
                pass


def _reads_phase(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(value=value, attr="value" | "name"):
            return _reads_phase(value)
        case ast.Call(func=ast.Name(id="str"), args=[value]):
            return _reads_phase(value)
        case ast.Subscript(slice=ast.Constant(value="phase")):
            return True
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name == "phase"
        case _:
            return False


def _are_phases(nodes: list[ast.expr] | list[ast.expr | None]) -> bool:
    """Return whether these are the words of two phases or more, and nothing else."""
    words = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return len(words) == len(nodes) > 1 and words <= WORDS


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
        "match unit.phase:\n    case 'ready': pass",
        "if unit.phase.value == 'ready': pass",
        "if 'ready' == str(unit.phase): pass",
        "if unit['phase'] == 'ready': pass",
        "if phase in {'ready', 'done'}: pass",
        "if unit.phase.startswith('gave'): pass",
        "WELL = ('ready', 'done')",
        "TONES = {'ready': 'good', 'failed': 'bad'}",
        "from appliance.supervisor.model import Phase as State",
        "WELL = {model.Phase.READY}",
        "WELL = {Phase['READY'], Phase('done')}",
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
    assert COMPARED.search("{% if unit.phase.value == 'ready' %}")
    assert COMPARED.search("{% if 'ready' == unit.phase %}")
    assert COMPARED.search("{% if unit['phase'] == 'ready' %}")
    assert COMPARED.search("{% if phase == 'ready' %}")
    assert COMPARED.search("{% set tone = {'ready': 'good', 'done': 'good'}[unit.phase] %}")
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
