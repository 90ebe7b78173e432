"""The file of settings that the Debian package brings."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from appliance.core.environment_file import usable_environment
from appliance.core.settings import from_environment

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "packaging/debian/cloister.env"
OFFER = "#CLOISTER_"
OTHERS = {
    "CLOISTER_TRUSTED_PROXY": "10.0.0.5",
    "CLOISTER_PROXY_PROTOCOL": "yes",
    "CLOISTER_HSTS_DAYS": "30",
    "CLOISTER_TIME_ZONE": "Europe/Vienna",
}


def test_it_sets_nothing(tmp_path: Path) -> None:
    assert SHIPPED.is_file()
    assert usable_environment(SHIPPED, tmp_path / "missing") == {}


def test_each_line_it_offers_is_a_setting_and_shows_the_default(tmp_path: Path) -> None:
    offered = [line for line in SHIPPED.read_text().splitlines() if line.startswith(OFFER)]
    file = tmp_path / "cloister.env"
    file.write_text("\n".join(line.removeprefix("#") for line in offered))
    chosen = usable_environment(file, tmp_path / "missing")
    assert len(chosen) == len(offered) > 3
    host = chosen["CLOISTER_HOST"]
    assert from_environment(chosen) == from_environment({"CLOISTER_HOST": host})
    for name, value in chosen.items():
        other = OTHERS.get(name) or (f"{int(value) + 1}" if value.isdigit() else "box.example")
        changed, usual = from_environment({name: other}), from_environment({})
        names = [field.name for field in fields(usual)]
        differing = [each for each in names if getattr(usual, each) != getattr(changed, each)]
        assert differing == [name.removeprefix("CLOISTER_").lower()]


def test_the_reference_has_each() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text()
    for offer in SHIPPED.read_text().split(f"\n{OFFER}")[1:]:
        assert f"`CLOISTER_{offer.partition('=')[0]}`" in page
