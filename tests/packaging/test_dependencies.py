"""What Python needs and what the package asks Debian for agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

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
