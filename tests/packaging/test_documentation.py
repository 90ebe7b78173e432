"""The documentation: its links lead somewhere, its lines are short, its tables are the code's."""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.accounts.guard import Access
from appliance.actors.permissions import PERMISSIONS, Kind, Permission, Role
from appliance.audit.model import Action
from appliance.cli.parser import build
from appliance.control.routes import ROUTES as CONTROL_ROUTES
from appliance.health.model import CheckId, CheckState
from appliance.jobs.kinds import KINDS, Starter
from appliance.settings.model import ENTRIES
from appliance.settings.model import shown as shown_value
from webchat.routes import ROUTES as CHAT_ROUTES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted(DOCS.rglob("*.md")),
]
LONGEST_LINE = 100
LINK = re.compile(r"\]\(([^)\s]+)\)")
FOLDERS = ("appliance", "admin", "webchat", "tests", "systemd", "packaging", "docs")
PATH = re.compile(rf"`((?:{'|'.join(FOLDERS)})(?:/[\w.@/-]*)?)`")
# Sentences say who does what, with the words that the field uses.
UNPLAIN = re.compile(r"\b(?:whoever|nobody|somebody|anew|hears|deeds?)\b", re.IGNORECASE)
# A file that does not exist yet: NAME stands for what its author chooses.
EXAMPLES = {"systemd/cloister-NAME.service"}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines outside code blocks and tables, with their numbers."""
    fenced = False
    after_blank = True
    in_code = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("```"):
            fenced = not fenced
        is_indented = line.startswith("    ")
        in_code = is_indented and (after_blank or in_code)
        after_blank = not line.strip()
        if not (fenced or in_code or line.startswith(("```", "|"))):
            yield number, line


def too_long(text: str) -> list[int]:
    """Return the lines that are too long; a link, and the word it is part of, cannot be wrapped."""
    found = []
    for number, line in prose(text):
        if len(LINK.sub("]()", line)) > LONGEST_LINE and len(line.split()) > 1:
            found.append(number)
    return found


def headings(text: str) -> set[str]:
    """Return the fragments that a page's headings have at its host."""
    titles = (line.lstrip("# ") for _, line in prose(text) if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(page: Path) -> list[str]:
    """Return the links that lead to no file, or to no heading of it."""
    broken = []
    for link in LINK.findall("\n".join(line for _, line in lines_with_links(page))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, fragment = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (fragment and fragment not in headings(target.read_text())):
            broken.append(link)
    return broken


def lines_with_links(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page; code blocks have no links, tables have."""
    text = page.read_text("utf-8")
    yield from prose(text)
    yield from (pair for pair in enumerate(text.splitlines(), 1) if pair[1].startswith("|"))


def table(page: str, heading: str) -> list[list[str]]:
    """Return the rows below the line of headings that begins with `heading`."""
    text = (ROOT / page).read_text("utf-8")
    assert text.count(f"\n{heading}") == 1, heading
    body = text.partition(f"\n{heading}")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in body.splitlines()[2:]]


def first_cells(page: str, heading: str) -> list[str]:
    return [row[0].strip("`") for row in table(page, heading)]


@each_page
def test_each_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert broken_links(page) == []


@each_page
def test_prose_is_wrapped(page: Path) -> None:
    assert too_long(page.read_text("utf-8")) == []


@each_page
def test_sentences_are_plain(page: Path) -> None:
    text = " ".join(line for _, line in lines_with_links(page))
    assert UNPLAIN.findall(text) == []


def test_the_check_of_a_page_sees_what_is_wrong(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `thing`\n\n[a](page.md#one-thing) [b](none.md) [c](#two)\n\n| [d](no) |\n"
    )
    assert broken_links(page) == ["none.md", "#two", "no"]
    long = "word " * 25
    assert too_long(f"{long}\n\n    {long}\n\n| {long} |\n\n- item\n  {long}\n") == [1, 8]


@each_page
def test_each_path_that_a_page_names_exists(page: Path) -> None:
    named = set(PATH.findall(page.read_text("utf-8"))) - EXAMPLES
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_the_index_leads_to_every_page() -> None:
    index = DOCS / "README.md"
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in LINK.findall(index.read_text())}
    assert sorted({*DOCS.rglob("*.md")} - linked - {index}) == []


def layers() -> list[set[str]]:
    """Return the layers that import-linter checks, from the top down."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return [set(layer.split(" | ")) for layer in contracts["contracts"][0]["layers"]]


def test_the_readme_has_a_row_for_each_folder() -> None:
    rows = table("README.md", "| folder, from the top down |")
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row[0])}
    packages = {f"appliance/{path.parent.name}" for path in ROOT.glob("appliance/*/__init__.py")}
    tops = {"admin", "webchat", "systemd", "packaging", "tests", "docs"}
    files = {f"{module.replace('.', '/')}.py" for layer in layers() for module in layer}
    modules = {file for file in files if (ROOT / file).is_file()} - {"appliance/__main__.py"}
    assert named == packages | tops | modules


def test_the_readme_and_the_architecture_have_the_layers_in_their_order() -> None:
    text = (DOCS / "explanation/architecture.md").read_text()
    shown = re.findall(r"^    (?:  > )?((?:appliance|admin)\S*(?: \| \S+)*)$", text, re.MULTILINE)
    assert [set(layer.split(" | ")) for layer in shown] == layers()
    rank = {module: number for number, layer in enumerate(layers()) for module in layer}
    rows = table("README.md", "| folder, from the top down |")
    first = [re.findall(r"`([^`]+)`", row[0])[0] for row in rows]
    ranks = [rank.get(name.removesuffix(".py").replace("/", ".")) for name in first]
    known = [number for number in ranks if number is not None]
    assert known == sorted(known)


def test_the_glossary_says_where_each_word_is() -> None:
    rows = table("docs/glossary.md", "| word |")
    words = [row[0] for row in rows]
    assert words == sorted(words)
    assert all(re.fullmatch(PATH, where) for _, _, where in rows)


def test_the_reference_has_every_audit_action() -> None:
    named = first_cells("docs/reference/permissions-and-audit.md", "| action |")
    assert sorted(named) == sorted(Action)


def test_the_reference_has_the_table_of_permissions() -> None:
    columns = (
        Role.MEMBER,
        Role.OPERATOR,
        Kind.COMMAND_LINE,
        Kind.RESCUE_CODE,
        Kind.CLAIM_CODE,
        Kind.SYSTEM,
    )
    rows = table("docs/reference/permissions-and-audit.md", "| permission |")
    shown = {row[0].strip("`"): [cell == "yes" for cell in row[1:]] for row in rows}
    assert shown == {
        str(permission): [permission in PERMISSIONS[column] for column in columns]
        for permission in Permission
    }


def test_the_guide_to_jobs_has_every_kind() -> None:
    rows = table("docs/how-to/jobs.md", "| kind |")
    shown = {row[0].strip("`"): row[2:] for row in rows}
    assert shown.keys() == {kind.name for kind in KINDS}
    for kind in KINDS:
        rhythm, starter = shown[kind.name]
        assert kind.rhythm in rhythm
        assert ("root" in starter) == (kind.starter is Starter.ROOT)


def test_the_reference_has_every_operator_setting() -> None:
    rows = table("docs/reference/settings.md", "| name |")
    shown = {row[0].strip("`"): (row[1], row[2]) for row in rows}
    assert shown == {
        entry.name: (
            shown_value(entry, entry.default),
            entry.bounds.removeprefix("from ").partition(", such")[0],
        )
        for entry in ENTRIES
    }


def test_the_reference_has_every_route_of_the_control_socket() -> None:
    rows = first_cells("docs/reference/sockets.md", "| request |")
    routes = [f"{route.method} {re.sub(r':[^}]+', '', route.path)}" for route in CONTROL_ROUTES]
    assert sorted(rows) == sorted(routes)


def test_the_reference_has_every_route_for_programs() -> None:
    rows = table("docs/reference/http-api.md", "| request | scope |")
    shown = {(row[0].strip("`"), row[1].strip("`")) for row in rows}
    assert shown == {
        (f"{route.method} {route.path}", str(route.scope))
        for route in CHAT_ROUTES
        if route.access is Access.KEY
    }


def test_the_reference_has_every_check_and_state() -> None:
    page = "docs/reference/command-line.md"
    assert sorted(first_cells(page, "| check |")) == sorted(CheckId)
    assert first_cells(page, "| state |") == list(CheckState)


def test_the_reference_has_every_verb() -> None:
    text = "\n".join(first_cells("docs/reference/command-line.md", "| verb |"))
    internal = {"supervise", "launch", "fetch", "operation"}
    missing = [name for name in verbs(build()) if name not in internal and name not in text]
    assert missing == []


def verbs(parser: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    """Yield the names of all verbs that do something, as a person types them."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, verb in action.choices.items():
                inner = list(verbs(verb, f"{before}{name} "))
                yield from inner or [f"{before}{name}"]
