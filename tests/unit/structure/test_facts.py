"""No decision of the supervisor, the units, the probes or a download reads a sentence.

A sentence is for people: code that looks for a word in one breaks when the wording is improved.
Facts travel as values instead, and one module makes the words.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from typing_extensions import override

ROOT = Path(__file__).parents[3]
PACKAGES = ("supervisor", "units", "probes", "fetch")
# What sentences are called in this code, as attributes and as variables.
SENTENCES = {"reason", "sentence", "message", "advice", "hint", "detail", "description", "words"}
READING = {
    *("startswith", "endswith", "partition", "rpartition", "split", "rsplit"),
    *("find", "rfind", "index", "count", "removeprefix", "removesuffix", "replace"),
}
# Calls that search a text, and the lookup of a text in a table.
SEARCHING = {"search", "match", "fullmatch", "findall", "finditer", "get"}
# The same words in another form.
SAME = {"lower", "upper", "casefold", "strip", "lstrip", "rstrip"}
ERRORS = {"error", "exception", "fault"}
# What another program says has no code that could be read instead.
FOREIGN = {
    # libpq reports a refused connection as text only.
    "appliance/probes/sql.py": {"sentence"},
    # Cuts what a program wrote into lines.
    "appliance/units/journal.py": {"message"},
    # Ollama answers every failed download with the same status and a text.
    "appliance/fetch/errors.py": {"reason"},
}


def sentence_of(node: ast.expr) -> str | None:
    """Return the name of the sentence that an expression is, or None for any other."""
    match bare(node):
        case ast.Attribute(attr=name) | ast.Name(id=name) if name in SENTENCES:
            return name
        case ast.Subscript(slice=ast.Constant(value=str(name))) if name in SENTENCES:
            return name
        case (
            ast.Call(func=ast.Name(id="str" | "repr"), args=[ast.Name(id=name)])
            | ast.Subscript(value=ast.Attribute(value=ast.Name(id=name), attr="args"))
        ) if name in ERRORS:
            return name
        case ast.JoinedStr(values=values):
            return next(filter(None, map(sentence_of, values)), None)
        case _:
            return None


def bare(node: ast.expr) -> ast.expr:
    """Return an expression without the calls that give the same words in another form."""
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in SAME:
            return bare(value)
        case ast.Call(func=ast.Name(id="str"), args=[ast.Attribute() as value]):
            return value
        case ast.FormattedValue(value=value):
            return bare(value)
        case _:
            return node


def read_sentences(node: ast.AST) -> Iterator[str]:
    """Yield the sentences whose words an expression or a statement looks at."""
    read: list[ast.expr] = []
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in READING:
            read = [value]
        case ast.Call(func=ast.Attribute(attr=method), args=arguments) if method in SEARCHING:
            read = list(arguments)
        case ast.Compare(left=left, ops=operators, comparators=others):
            sides = [left, *others]
            # Whether a text is a new one may be asked; whether it is a certain one may not.
            contained = any(isinstance(each, ast.In | ast.NotIn) for each in operators)
            fixed = any(map(_is_fixed, sides))
            read = sides if contained or fixed else []
        case ast.Subscript(value=value, slice=key):
            read = [value, key]
        case ast.Match(subject=subject):
            read = [subject]
        case _:
            pass
    yield from (name for each in read if (name := sentence_of(each)))


def _is_fixed(node: ast.expr) -> bool:
    """Return whether an expression is a certain text: a literal, or a constant."""
    match node:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.isupper()
        case _:
            return False


class _Aliases(ast.NodeTransformer):
    """Replaces each variable that was assigned a sentence by that sentence."""

    def __init__(self) -> None:
        self._sentences: dict[str, ast.expr] = {}

    @override
    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        match node.targets:
            case [ast.Name(id=name)] if sentence_of(node.value):
                self._sentences[name] = node.value
            case _:
                pass
        return self.generic_visit(node)

    @override
    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._sentences.get(node.id, node) if isinstance(node.ctx, ast.Load) else node


def found_in(code: str) -> set[str]:
    tree = _Aliases().visit(ast.parse(code))
    return {name for node in ast.walk(tree) for name in read_sentences(node)}


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
        "if 'full' in str(error): pass",
        "if error.args[0] == 'full': pass",
        "if decision.reason.lower().startswith('full'): pass",
        "if 'full' in f'{decision.reason}': pass",
        "first = decision.reason.split(':')[0]",
        "cause = {'full': 1}[decision.reason]",
        "cause = CAUSES.get(decision.reason)",
        "if decision.reason == ENDED: pass",
        "text = decision.reason\nif text.startswith('full'): pass",
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
