"""Every package has its place in the contract that lets imports point down only."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
SITES = ("admin", "webchat")


def layers() -> Iterator[str]:
    """Yield the modules of the contract, which import-linter does not compare with the tree."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = [
        each for each in contracts["contracts"] if each["name"] == "Every import points down"
    ]
    for layer in contract["layers"]:
        yield from (name.strip() for name in layer.split("|"))


def modules() -> Iterator[str]:
    """Yield the packages and modules of the product."""
    yield from SITES
    for path in (ROOT / "appliance").iterdir():
        if (path / "__init__.py").exists() or (path.suffix == ".py" and path.stem != "__init__"):
            yield f"appliance.{path.stem}"


def test_each_package_is_in_one_layer() -> None:
    assert sorted(layers()) == sorted(modules())
