"""Who acts, what they may do and what is recorded of it: each has one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SITES = ("appliance", "admin", "webchat")
SOURCES = [path for site in SITES for path in sorted((ROOT / site).rglob("*.py"))]
STATEMENTS = [path for site in SITES for path in sorted((ROOT / site).rglob("*.sql"))]
TEMPLATES = [path for site in SITES for path in sorted((ROOT / site).rglob("*.html"))]
TABLE = ROOT / "appliance" / "actors" / "permissions.py"
AUDIT = ROOT / "appliance" / "audit"
WRITES_AUDIT = re.compile(
    r"\b(?:insert\s+into|update|delete\s+from)\s+core\.audit\b", re.IGNORECASE
)
ROLES_IN_SQL = re.compile(r"%\(is_operator\)|\brole\s*(?:=|<>|!=|in\b)", re.IGNORECASE)
ROLES = {"operator", "member"}


def predicates(tree: ast.AST) -> Iterator[str]:
    """Yield each place that decides by a role, by its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="is_operator") | ast.FunctionDef(name="is_operator"):
                yield f"line {node.lineno}: is_operator"
            case ast.Compare(left=left, comparators=others) if any(map(_is_role, (left, *others))):
                yield f"line {node.lineno}: a role is compared"
            case _:
                pass


def _is_role(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="Role"), attr="OPERATOR" | "MEMBER"):
            return True
        case ast.Constant(value=str(word)):
            return word in ROLES
        case ast.Set(elts=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
            return any(map(_is_role, parts))
        case _:
            return False


def unnamed_actors(tree: ast.AST) -> Iterator[str]:
    """Yield each parameter or field for who acts that may be None, or a plain string."""
    for node in ast.walk(tree):
        match node:
            case ast.arg(arg="actor" | "by", annotation=ast.expr() as kind):
                line = node.lineno
            case ast.AnnAssign(target=ast.Name(id="actor" | "by"), annotation=kind):
                line = node.lineno
            case _:
                continue
        words = ast.unparse(kind)
        if "Account | None" in words or "Actor | None" in words:
            yield f"line {line}: {words}"


@pytest.mark.parametrize(
    "source",
    [
        "if account.is_operator: pass",
        "if account.role == Role.OPERATOR: pass",
        "if Role.MEMBER is not account.role: pass",
        "if account.role in (Role.OPERATOR,): pass",
        "if account.role == 'operator': pass",
    ],
)
def test_the_check_sees_a_predicate(source: str) -> None:
    assert list(predicates(ast.parse(source)))


@pytest.mark.parametrize(
    "source", ["def f(actor: Account | None): ...", "def f(by: Actor | None): ..."]
)
def test_the_check_sees_an_actor_that_may_be_missing(source: str) -> None:
    assert list(unnamed_actors(ast.parse(source)))


def test_only_the_table_of_permissions_compares_roles() -> None:
    found = {
        str(path.relative_to(ROOT)): places
        for path in SOURCES
        if path != TABLE and (places := list(predicates(ast.parse(path.read_text("utf-8")))))
    }
    assert found == {}


def test_nobody_acts_without_a_name() -> None:
    found = {
        str(path.relative_to(ROOT)): places
        for path in SOURCES
        if (places := list(unnamed_actors(ast.parse(path.read_text("utf-8")))))
    }
    assert found == {}


def test_only_the_audit_writes_the_audit() -> None:
    assert WRITES_AUDIT.search("INSERT INTO core.audit (actor) VALUES ('x')")
    found = [
        str(path.relative_to(ROOT))
        for path in (*SOURCES, *STATEMENTS)
        if WRITES_AUDIT.search(path.read_text("utf-8"))
        and not path.is_relative_to(AUDIT)
        and path.parent.name != "migrations"
    ]
    assert found == []


def test_queries_know_no_roles() -> None:
    """The only one that does finds out whether the machine has an operator, and keeps the last."""
    allowed = {"lock_operators", "has_operator"}
    found = set()
    for path in (path for path in STATEMENTS if path.name == "queries.sql"):
        for part in path.read_text("utf-8").split("-- name: ")[1:]:
            name, _, text = part.partition("\n")
            if ROLES_IN_SQL.search(text.replace("SET role = %(role)s", "")):
                found.add(name.strip())
    assert found == allowed


def test_templates_offer_actions_and_decide_no_permission() -> None:
    """A template may show the role of a person, but decides nothing by the reader's own."""
    asks = re.compile(r"(?:actor|account|visitor|frame\.person)\.(?:role|is_operator)\s*(?:==|!=)")
    assert asks.search("{% if account.role == 'operator' %}")
    assert [path.name for path in TEMPLATES if asks.search(path.read_text("utf-8"))] == []
