"""No decision of the supervisor, the units, the probes or a download reads a sentence.

A sentence is for people: code that looks for a word in one breaks when the wording is improved.
Facts travel as values instead, and one module makes the words.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("supervisor", "units", "probes", "fetch")
# What sentences are called in this code, as attributes and as variables.
SENTENCES = {"reason", "sentence", "message", "advice", "hint", "detail", "description", "words"}
READING = {"startswith", "endswith", "partition", "rpartition", "find", "index", "removeprefix"}
# What another program says has no code that could be read instead.
FOREIGN = {
    # libpq reports a refused connection as text only.
    "appliance/probes/sql.py": {"sentence"},
    # Ollama answers every failed download with the same status and a text.
    "appliance/fetch/errors.py": {"reason"},
}


def sentence_of(node: ast.expr) -> str | None:
    """Return the name of the sentence that an expression is, or None for any other."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name) if name in SENTENCES:
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))) if name in SENTENCES:
            return name
        case _:
            return None


def read_sentences(node: ast.AST) -> Iterator[str]:
    """Yield the sentences whose words an expression or a statement looks at."""
    read: list[ast.expr] = []
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in READING:
            read = [value]
        case ast.Call(func=ast.Attribute(attr="search" | "match" | "fullmatch"), args=arguments):
            read = list(arguments)
        case ast.Compare(left=left, ops=operators, comparators=others):
            sides = [left, *others]
            # Whether a text is a new one may be asked; whether it is a certain one may not.
            contained = any(isinstance(each, ast.In | ast.NotIn) for each in operators)
            fixed = any(isinstance(side, ast.Constant) and side.value for side in sides)
            read = sides if contained or fixed else []
        case ast.Subscript(value=value):
            read = [value]
        case ast.Match(subject=subject):
            read = [subject]
        case _:
            pass
    yield from (name for each in read if (name := sentence_of(each)))


def found_in(code: str) -> set[str]:
    return {name for node in ast.walk(ast.parse(code)) for name in read_sentences(node)}


def modules() -> list[Path]:
    return sorted(path for name in PACKAGES for path in (ROOT / "appliance" / name).rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_decision_reads_a_sentence(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    assert found_in(path.read_text()) == FOREIGN.get(name, set())


@pytest.mark.parametrize(
    "code",
    [
        "fault = decision.reason.partition(': ')[2]",
        "if status.detail.startswith('start refused'): pass",
        "if 'full' in error.message: pass",
        "if error.message == 'no': pass",
        "first = error.message[0]",
        "found = re.search('x', view.reason)",
        "if unit['reason'] == 'stopped': pass",
        "match result.sentence:\n    case 'answers': pass",
    ],
)
def test_it_would_be_noticed(code: str) -> None:
    assert found_in(code)


@pytest.mark.parametrize(
    "code",
    [
        "say(error.message)",
        "if decision.cause is Cause.ENDED: pass",
        "x = view.reason or y",
        "if words != last: pass",
    ],
)
def test_showing_a_sentence_is_not_reading_it(code: str) -> None:
    assert not found_in(code)
