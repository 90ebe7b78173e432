"""What a contributor is promised: the same checks before a commit and in CI, and a licence."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def recipe(target: str) -> str:
    """Return a target of the Makefile with what it needs and its commands."""
    found = re.search(rf"^{target}:.*\n(?:\t.*\n)*", text_of("Makefile"), re.MULTILINE)
    assert found, target
    return found[0]


def test_a_commit_and_ci_are_checked_by_the_same_command() -> None:
    assert re.findall(r"^ +entry: (.+)$", text_of(".pre-commit-config.yaml"), re.MULTILINE) == [
        "make lint"
    ]
    assert re.search(r"\bexec make test$", text_of(".ci/run"), re.MULTILINE)
    assert re.search(r"\blint$|^test:.*\blint\b", recipe("test"), re.MULTILINE)
    assert re.match(r"check: .*\blint\b", recipe("check"))


def test_no_hook_comes_from_the_network() -> None:
    repositories = re.findall(r"repo: (\S+)", text_of(".pre-commit-config.yaml"))
    assert repositories == ["local"]


def test_commands_and_files_of_the_guide_exist() -> None:
    guide = text_of("CONTRIBUTING.md")
    targets = set(re.findall(r"^([a-z0-9]+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^    )make ([a-z0-9]+)", guide, re.MULTILINE)) - targets == set()
    for test in re.findall(r"python -m pytest (\S+?)[`\n]", guide):
        assert (ROOT / test).exists(), test
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", guide):
        assert (ROOT / link).is_file(), link


def test_the_package_and_the_project_have_the_same_licence() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    copyright_file = text_of("packaging/debian/copyright")
    ours = re.search(r"^Files: \*\n(?:.+\n)*License: (.+)$", copyright_file, re.MULTILINE)
    assert ours
    assert ours[1] == project["license"] == "Apache-2.0"
    licence = text_of("LICENSE")
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence


def test_the_copyright_file_names_the_licence_of_each_script_of_others() -> None:
    vendor = "appliance/web/static/vendor"
    paragraphs = re.split(r"\n\n", text_of("packaging/debian/copyright"))
    named = {
        file: re.findall(r"^License: (.+)$", paragraph, re.MULTILINE)
        for paragraph in paragraphs
        for file in re.findall(rf"{vendor}/(\S+)", paragraph)
    }
    for entry in tomllib.loads(text_of(f"{vendor}/VENDOR.toml"))["file"]:
        assert named[entry["path"]] == [entry["licence"]]
        assert named[entry["licence_path"]] == [entry["licence"]]
