"""What Python needs and what the package asks Debian for agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from appliance.ingest.formats import PROGRAMS

ROOT = Path(__file__).parents[2]
_LINE = re.compile(r'^    "([a-z0-9-]+)[^"]*",\s+# deb: (python3-[a-z0-9-]+)', re.MULTILINE)


def test_every_dependency_names_its_debian_package_and_the_build_tests_with_it() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    wanted = tomllib.loads(text)["project"]["dependencies"]
    named = dict(_LINE.findall(text))
    assert {re.split(r"[<>=]", line)[0] for line in wanted} == set(named)
    source, _ = (ROOT / "packaging/debian/control").read_text().split("\n\n", 1)
    needed = set(re.findall(r"python3-[a-z0-9-]+", source))
    assert set(named.values()) - needed == set()


def test_what_the_parsers_run_is_brought_by_the_package_and_by_the_setup_of_a_clone() -> None:
    needed = {program.package for programs in PROGRAMS.values() for program in programs}
    # Without it poppler reads, but no Chinese, Japanese or Korean.
    needed.add("poppler-data")
    _, package = (ROOT / "packaging/debian/control").read_text().split("\n\n", 1)
    asked = set(re.findall(r"^(?:\w+: | +)([a-z0-9-]+)", package, re.MULTILINE))
    assert needed - asked == set()
    setup = (ROOT / "packaging/clone/setup").read_text()
    assert needed - set(re.findall(r"^want \S+ (\S+)$", setup, re.MULTILINE)) == set()
