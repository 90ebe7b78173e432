"""The manual pages and the completions are made from the parser, and can be used."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.cli.parser import build

ROOT = Path(__file__).parents[3]
SETTINGS_PAGE = ROOT / "packaging/man/cloister.env.5"
# Where a package is built, packaging/debian is called debian.
SETTINGS_FILES = (ROOT / "packaging/debian/cloister.env", ROOT / "debian/cloister.env")
pytestmark = pytest.mark.skipif(
    not SETTINGS_PAGE.exists(), reason="these tests are run from the source, with packaging/"
)
# What a shell would do at the press of the tabulator key.
PRESS_TAB = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
read -r _ _ _ _ function _ <<< "$(complete -p cloister)"
"$function" cloister "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def generated(*command: str) -> str:
    """Run one of the scripts that the package's build runs."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, check=True, text=True,
        stdout=subprocess.PIPE,
    ).stdout  # fmt: skip


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("argparse_manpage")
    page = tmp_path_factory.mktemp("man") / "cloister.8"
    page.write_text(generated("packaging/man/generate.py", "1.2.3", "packaging/man/sections"))
    return page


def rendered(page: Path) -> str:
    """Return a page as people read it; a warning of the formatter is an error here."""
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    command = ["groff", "-man", "-Tutf8", "-ww", "-P-c", "-P-b", "-P-u", str(page)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert finished.stderr == ""
    return finished.stdout


def verbs(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of all verbs that do something."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                inner = list(verbs(verb))
                yield from inner or [verb]


def test_every_option_and_argument_says_what_it_is() -> None:
    silent = [
        f"{verb.prog} {action.dest}"
        for verb in verbs(build())
        for action in verb._actions
        if not action.help
    ]
    assert silent == []


def test_the_manual_has_every_verb_and_option(manual: Path) -> None:
    text = rendered(manual)
    for verb in verbs(build()):
        assert verb.prog in text
        options = {option for action in verb._actions for option in action.option_strings}
        # The pages of manuals leave out that each program explains itself.
        missing = {option for option in options - {"-h", "--help"} if option not in text}
        assert missing == set()
    assert "cloister 1.2.3" in text
    # Lines are filled with spaces up to the margin.
    assert "Exit codes: 0 done, 1 failed" in " ".join(text.split())


def test_the_page_of_settings_has_those_of_the_file_that_is_installed() -> None:
    text = rendered(SETTINGS_PAGE)
    installed = next(path for path in SETTINGS_FILES if path.exists()).read_text()
    settings = re.findall(r"^#?(CLOISTER_\w+)=(\S*)", installed, re.MULTILINE)
    assert settings
    explained = dict(
        re.findall(
            r"^ +(CLOISTER_\w+)=\S+$(.*?)(?=^ +CLOISTER_|^\S)", text, re.MULTILINE | re.DOTALL
        )
    )
    assert set(explained) == {name for name, _ in settings}
    for name, default in settings:
        if default.isdigit():
            assert f"Default: {default}." in " ".join(explained[name].split())


@pytest.fixture(scope="module")
def bash_completion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("shtab")
    path = tmp_path_factory.mktemp("completion") / "cloister"
    path.write_text(generated("packaging/completion/generate.py", "bash"))
    return path


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("st", {"status", "start", "stop"}),
        ("logs p", {"postgres"}),
        ("restart web", {"webchat@1"}),
        ("user make", {"make-operator", "make-member"}),
        ("user add --ro", {"--role"}),
        ("model use se", {"search"}),
        ("ingest /et", {"/etc"}),
    ],
)
def test_bash_completes(bash_completion: Path, typed: str, offered: set[str]) -> None:
    command = ["bash", "--norc", "-c", PRESS_TAB, "bash", str(bash_completion), "cloister"]
    finished = subprocess.run(
        [*command, *typed.split()], capture_output=True, text=True, check=True
    )
    assert finished.stderr == ""
    assert set(finished.stdout.split()) == offered


def test_zsh_can_read_its_completion(tmp_path: Path) -> None:
    pytest.importorskip("shtab")
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    path = tmp_path / "_cloister"
    path.write_text(generated("packaging/completion/generate.py", "zsh"))
    finished = subprocess.run(["zsh", "-n", str(path)], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (0, "")
