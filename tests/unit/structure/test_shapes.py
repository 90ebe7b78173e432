"""Each shape that programs read, and each sentence about a defect, is written in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from appliance.conversations.model import Message

ROOT = Path(__file__).parents[3]
SITES = ("appliance", "admin", "webchat")
Matches = Callable[[ast.AST], bool]


def builds(*keys: str) -> Matches:
    """Match code that gives a dictionary these keys.

    It may be a display, a call of dict(), a class of a TypedDict, or a block of assignments.
    """
    wanted = set(keys)

    def matches(node: ast.AST) -> bool:
        match node:
            case ast.Dict(keys=found):
                return wanted <= {key.value for key in found if isinstance(key, ast.Constant)}
            case ast.Call(func=ast.Name(id="dict"), keywords=found):
                return wanted <= {keyword.arg for keyword in found}
            case ast.ClassDef(body=body):
                lines = [line.target for line in body if isinstance(line, ast.AnnAssign)]
                return wanted <= {line.id for line in lines if isinstance(line, ast.Name)}
            case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body):
                targets = [
                    target.slice
                    for line in body
                    if isinstance(line, ast.Assign)
                    for target in line.targets
                    if isinstance(target, ast.Subscript)
                ]
                return wanted <= {key.value for key in targets if isinstance(key, ast.Constant)}
            case _:
                return False

    return matches


def says(words: str) -> Matches:
    """Match a text that contains these words."""

    def matches(node: ast.AST) -> bool:
        match node:
            case ast.Constant(value=str(text)):
                return words.casefold() in text.casefold()
            case _:
                return False

    return matches


def decides_by_words(node: ast.AST) -> bool:
    """Match a comparison of an error's words, or of its code, with a text."""
    match node:
        case ast.Compare(left=left, comparators=[right]):
            sides = (left, right)
        case _:
            return False
    reads = any(map(_is_wording, sides))
    return reads and any(
        isinstance(side, ast.Constant) and isinstance(side.value, str) for side in sides
    )


def _is_wording(node: ast.expr) -> bool:
    """Return whether an expression is the words of an error, or its code."""
    match node:
        case ast.Attribute(attr="code" | "message" | "sentence" | "advice"):
            return True
        case ast.Call(func=ast.Name(id="str"), args=[ast.Name(id="error" | "fault")]):
            return True
        case ast.Call(func=ast.Attribute(value=value, attr="lower" | "casefold" | "strip")):
            return _is_wording(value)
        case _:
            return False


def places(matches: Matches, source: str) -> Iterator[int]:
    """Yield the lines of a source in which something matches."""
    for node in ast.walk(ast.parse(source)):
        if matches(node):
            yield getattr(node, "lineno", 0)


def files_with(matches: Matches) -> list[str]:
    """Return each place of the product that matches, as its file's path, once for each place."""
    return [
        str(path.relative_to(ROOT))
        for site in SITES
        for path in sorted((ROOT / site).rglob("*.py"))
        for _ in places(matches, path.read_text("utf-8"))
    ]


ONCE = {
    "where a passage is": (builds("document", "file", "page"), "appliance/answering/citation_json"),
    "a citation": (builds("number", "quote"), "appliance/answering/citation_json"),
    "the error object of /v1": (builds("message", "type"), "appliance/web/errors"),
    "the headers of an event stream": (says("text/event-stream"), "appliance/web/stream"),
    "the headers against a proxy's buffer": (says("x-accel-buffering"), "appliance/web/stream"),
    "the sentence about a defect": (says("something went wrong"), "appliance/core/errors"),
}


@pytest.mark.parametrize(("matches", "home"), ONCE.values(), ids=ONCE)
def test_it_is_written_once(matches: Matches, home: str) -> None:
    assert files_with(matches) == [f"{home}.py"]


def test_no_decision_reads_the_words_of_an_error() -> None:
    assert files_with(decides_by_words) == []


def listed_columns(statements: str) -> list[set[str]]:
    """Return the columns of a message that each SELECT and each RETURNING names."""
    names = {field.name for field in fields(Message)}
    lists = re.findall(
        r"\bSELECT\b(.*?)\bFROM\b|\bRETURNING\b(.*?)(?:;|\)|$)",
        statements,
        re.DOTALL | re.IGNORECASE,
    )
    return [names & set(re.findall(r"\w+", selected + returned)) for selected, returned in lists]


def test_no_statement_lists_the_columns_of_a_message() -> None:
    most = len(fields(Message)) // 2
    for path in (ROOT / "appliance").rglob("queries.sql"):
        assert all(len(found) < most for found in listed_columns(path.read_text("utf-8"))), path


@pytest.mark.parametrize(
    ("matches", "source"),
    [
        (builds("document", "file"), "x = {**place, 'document': 1, 'file': 2, 'other': 3}"),
        (builds("document", "file"), "x = dict(document=1, file=2)"),
        (
            builds("document", "file"),
            "def f():\n    x = {}\n    x['document'] = 1\n    x['file'] = 2",
        ),
        (builds("document", "file"), "class Place(TypedDict):\n    document: str\n    file: str"),
        (says("event-stream"), "HEADERS = {'Content-Type': 'text/event-stream'}"),
        (says("went wrong"), "class E:\n    sentence = 'Something went wrong here.'"),
        (decides_by_words, "if finished.note.code == 'answer_too_long': pass"),
        (decides_by_words, "if 'stopped' in decision.sentence: pass"),
        (decides_by_words, "if 'large' in str(error).lower(): pass"),
    ],
)
def test_a_second_place_would_be_found(matches: Matches, source: str) -> None:
    assert list(places(matches, source))


@pytest.mark.parametrize(
    ("matches", "source"),
    [
        (builds("document", "file"), "x = {'document': 1}"),
        (decides_by_words, "if finished.stop_reason is StopReason.LENGTH: pass"),
        (decides_by_words, "if exit.code == 0: pass"),
    ],
)
def test_other_code_is_left_alone(matches: Matches, source: str) -> None:
    assert not list(places(matches, source))


def test_a_listed_row_would_be_found() -> None:
    columns = ", ".join(field.name for field in fields(Message))
    for statement in (f"SELECT {columns}\nFROM chat.message;", f"… RETURNING {columns};"):
        (found,) = listed_columns(statement)
        assert len(found) == len(fields(Message))
