"""One number, in one file: what a build is called, and how Debian orders builds."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from appliance.core.version import BUILT, read_version

ROOT = Path(__file__).parents[2]
PACKAGING = ("packaging/clone", "packaging/debian", "packaging/machine", "packaging/man")
VERSION = r"[\d.]+(~git\d{8}\.\d{6}\.[0-9a-f]{7,}(\+changed)?|~clone)?"
CHANGELOG_TIME = 1_790_000_000


class Clone:
    """A repository with nothing but what a version needs."""

    def __init__(self, folder: Path, number: str = "0.2.0") -> None:
        self.folder = folder
        (folder / "packaging").mkdir(parents=True)
        script = ROOT / "packaging/version"
        (folder / "packaging/version").write_bytes(script.read_bytes())
        (folder / "packaging/version").chmod(0o755)
        self.number(number)
        self.git("init", "--quiet")

    def number(self, number: str) -> None:
        text = f'[project]\nname = "cloister"\nversion = "{number}"\n'
        (self.folder / "pyproject.toml").write_text(text)

    def git(self, *arguments: str, time: str = "2026-11-28T10:00:00Z") -> str:
        names = ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL")
        environment = {**os.environ, **dict.fromkeys(names, "jane")}
        environment |= {"GIT_AUTHOR_DATE": time, "GIT_COMMITTER_DATE": time}
        command = ("git", "-C", str(self.folder), *arguments)
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        return done.stdout.strip()

    def commit(self, time: str) -> str:
        """Commit everything, and return the version of the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=change", time=time)
        return self.version()

    def version(self) -> str:
        command = (str(self.folder / "packaging/version"),)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


def number_of_the_project() -> str:
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return found


def older(first: str, second: str) -> bool:
    """Whether dpkg would upgrade from the first version to the second."""
    command = ("dpkg", "--compare-versions", first, "lt", second)
    return subprocess.run(command, check=False).returncode == 0


def test_a_commit_between_releases_is_named_with_its_time(clone: Clone) -> None:
    version = clone.commit("2026-11-28T17:31:05+01:00")
    commit = clone.git("rev-parse", "--short=7", "HEAD")
    assert version == f"0.2.0~git20261128.163105.{commit}"


def test_each_later_build_is_a_newer_package_and_the_release_is_the_newest(clone: Clone) -> None:
    times = ("2026-11-27T23:59:59Z", "2026-11-28T08:00:00Z", "2026-11-28T08:00:01Z")
    builds = [clone.commit(time) for time in times]
    (clone.folder / "further").touch()
    builds.append(clone.version())
    builds.append(clone.commit("2026-12-01T00:00:00Z"))
    clone.git("tag", "v0.2.0")
    builds.append(clone.version())
    assert builds[-1] == "0.2.0"
    clone.number("0.3.0")
    builds.append(clone.commit("2026-12-02T00:00:00Z"))
    released_before = "0.1.0"
    for first, second in zip([released_before, *builds], builds, strict=False):
        assert older(first, second), (first, second)


def test_changes_in_no_commit_are_named_even_upon_a_release(clone: Clone) -> None:
    clone.commit("2026-11-28T10:00:00Z")
    clone.git("tag", "v0.2.0")
    (clone.folder / "a-new-file").touch()
    assert re.fullmatch(r"0\.2\.0~git20261128\.100000\.[0-9a-f]{7}\+changed", clone.version())


def test_without_a_commit_the_number_is_all_that_is_known(clone: Clone) -> None:
    assert clone.version() == "0.2.0~clone"
    assert older("0.1.0", clone.version())
    assert older(clone.version(), "0.2.0")


def test_a_tree_in_a_folder_of_another_repository_is_not_named_after_that(clone: Clone) -> None:
    clone.commit("2026-11-28T10:00:00Z")
    inner = Clone(clone.folder / "inner", "0.5.0")
    for path in sorted((inner.folder / ".git").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (inner.folder / ".git").rmdir()
    assert inner.version() == "0.5.0~clone"


async def test_a_clone_knows_its_commit(clone: Clone) -> None:
    built = clone.commit("2026-11-28T10:00:00Z")
    assert await read_version(clone.folder) == built


async def test_an_installed_program_knows_its_version_without_git(tmp_path: Path) -> None:
    (tmp_path / BUILT).parent.mkdir()
    (tmp_path / BUILT).write_text("0.2.0~git20261128.163105.fa03625\n")
    assert await read_version(tmp_path) == "0.2.0~git20261128.163105.fa03625"


async def test_a_program_that_pip_has_installed_knows_the_release(tmp_path: Path) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", await read_version(tmp_path))


def test_the_command_line_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    from appliance.cli.parser import run

    with pytest.raises(SystemExit) as ended:
        run(["--version"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"cloister {number_of_the_project()}")
    assert re.fullmatch(rf"cloister {VERSION}\n", printed)


def test_the_package_writes_what_the_program_reads() -> None:
    rules = (ROOT / "packaging/debian/rules").read_text()
    assert f"'$(DEB_VERSION)' > debian/cloister/usr/share/cloister/{BUILT}" in rules


def test_the_build_makes_the_changelog_that_debians_tools_read(tmp_path: Path) -> None:
    version = "0.2.0~git20261128.163105.fa03625"
    command = (str(ROOT / "packaging/changelog"), version, str(CHANGELOG_TIME))
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (tmp_path / "changelog").write_text(text)
    fields = subprocess.run(
        ("dpkg-parsechangelog", "-l", str(tmp_path / "changelog")),
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert f"Version: {version}\n" in fields
    assert f"Timestamp: {CHANGELOG_TIME}\n" in fields
    assert "Source: cloister\n" in fields


def test_no_other_file_repeats_the_number() -> None:
    number = re.compile(rf"(?<![\d.]){re.escape(number_of_the_project())}(?![\d.])")
    folders = ("admin", "appliance", "systemd", "webchat", *PACKAGING)
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    ours = [
        path
        for path in files
        # The changelog of a build, bytecode, and versions of scripts that others wrote.
        if path.name != "changelog" and not {"__pycache__", "generated", "vendor"} & {*path.parts}
    ]
    assert len(ours) > 100
    assert [path for path in ours if number.search(path.read_text("utf-8"))] == []
