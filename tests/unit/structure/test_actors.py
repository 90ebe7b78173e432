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
# It has the functions of the database that link the audit and remove old entries.
SCHEMA = ROOT / "appliance" / "db" / "schema.sql"
WRITES_AUDIT = re.compile(
    r"\b(?:(?:insert|merge)\s+into|(?:update|delete\s+from)(?:\s+only)?|copy|truncate(?:\s+table)?)"
    r"\s+(?:\"?core\"?\s*\.\s*)?\"?audit\"?(?=\W|$)",
    re.IGNORECASE,
)
READS_AUDIT = re.compile(r"\b(?:from|join)\s+\"?core\"?\s*\.\s*\"?audit\b", re.IGNORECASE)
ROLES_IN_SQL = re.compile(r"%\(is_operator\)|\brole\s*(?:=|<>|!=|in\b)", re.IGNORECASE)
ROLES = {"operator", "member"}
# What names a role, and permits nothing by it.
NAMES_A_ROLE = {
    # A role of the database.
    "appliance/units/declaration.py": ["a role is compared"],
    # Whether a key of the backups is on paper.
    "appliance/repository/key_files.py": ["a role is compared"],
    # The action that the audit records when a person gets a role.
    "appliance/accounts/people.py": ["a role is matched", "a role is matched"],
    # The words of a page for it.
    "admin/pages/people.py": ["a table by role"],
}


def predicates(tree: ast.AST) -> Iterator[str]:
    """Yield each place that decides by a role, by its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="is_operator") | ast.FunctionDef(name="is_operator"):
                yield f"line {node.lineno}: is_operator"
            case ast.alias(name="Role", asname=str(name)):
                yield f"Role is imported as {name}"
            case ast.MatchValue(value=value) if _is_role(value) and isinstance(
                value, ast.Attribute
            ):
                yield f"line {node.lineno}: a role is matched"
            case ast.Dict(keys=keys) if any(key is not None and _is_role(key) for key in keys):
                yield f"line {node.lineno}: a table by role"
            case ast.Compare(left=left, comparators=others) if any(map(_is_role, (left, *others))):
                yield f"line {node.lineno}: a role is compared"
            case _:
                pass


def _is_role(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(
            value=ast.Name(id="Role") | ast.Attribute(attr="Role"), attr="OPERATOR" | "MEMBER"
        ):
            return True
        case ast.Attribute(attr="role") | ast.Attribute(value=ast.Attribute(attr="role")):
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
        if re.search(r"\b(?:Account|Actor|Person)\b", words) and re.search(
            r"\bNone\b|\bOptional\b", words
        ):
            yield f"line {line}: {words}"


@pytest.mark.parametrize(
    "source",
    [
        "if account.is_operator: pass",
        "if account.role == Role.OPERATOR: pass",
        "if Role.MEMBER is not account.role: pass",
        "if account.role in (Role.OPERATOR,): pass",
        "if account.role == 'operator': pass",
        "if account.role.value == 'operator': pass",
        "if account.role in CHIEFS: pass",
        "if role is model.Role.OPERATOR: pass",
        "from appliance.actors.permissions import Role as Rank",
        "match account.role:\n    case Role.OPERATOR: pass",
        "MAY = {Role.OPERATOR: True, Role.MEMBER: False}",
        "may = {'operator': True}.get(account.role)",
    ],
)
def test_the_check_sees_a_predicate(source: str) -> None:
    assert list(predicates(ast.parse(source)))


@pytest.mark.parametrize(
    "source",
    [
        "def f(actor: Account | None): ...",
        "def f(by: Actor | None): ...",
        "def f(*, actor: Optional[Actor] = None): ...",
        "class Act:\n    actor: Person | None",
    ],
)
def test_the_check_sees_an_actor_that_may_be_missing(source: str) -> None:
    assert list(unnamed_actors(ast.parse(source)))


def test_only_the_table_of_permissions_compares_roles() -> None:
    found = {
        str(path.relative_to(ROOT)): [place.partition(": ")[2] for place in places]
        for path in SOURCES
        if path != TABLE and (places := list(predicates(ast.parse(path.read_text("utf-8")))))
    }
    assert found == NAMES_A_ROLE


def test_an_actor_is_never_missing() -> None:
    found = {
        str(path.relative_to(ROOT)): places
        for path in SOURCES
        if (places := list(unnamed_actors(ast.parse(path.read_text("utf-8")))))
    }
    assert found == {}


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO core.audit (actor) VALUES ('x')",
        "insert into\n  audit (actor)",
        'INSERT INTO "core"."audit"',
        "UPDATE ONLY core.audit SET",
        "DELETE FROM core . audit",
        "MERGE INTO core.audit",
        "COPY core.audit FROM STDIN",
        "TRUNCATE core.audit",
    ],
)
def test_the_check_sees_a_statement_that_changes_the_audit(statement: str) -> None:
    assert WRITES_AUDIT.search(statement)


@pytest.mark.parametrize("statement", [WRITES_AUDIT, READS_AUDIT], ids=["writes", "reads"])
def test_only_the_audit_reads_and_writes_the_audit(statement: re.Pattern[str]) -> None:
    assert any(statement.search(path.read_text("utf-8")) for path in AUDIT.glob("*.sql"))
    found = [
        str(path.relative_to(ROOT))
        for path in (*SOURCES, *STATEMENTS)
        if statement.search(path.read_text("utf-8"))
        and not path.is_relative_to(AUDIT)
        and path.parent.name != "migrations"
        and path != SCHEMA
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
