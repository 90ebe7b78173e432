"""Instructions for the root, which people follow to the letter."""

from __future__ import annotations

import pytest

from appliance.tls.authority import make_authority
from appliance.tls.model import facts_of
from appliance.tls.platforms import PLATFORMS, Platform, RootFile
from tests.fakes.clock import START


def test_each_platform_has_its_instructions() -> None:
    assert [each.name for each in PLATFORMS] == [
        *("windows", "macos", "android", "ios", "firefox", "debian"),
    ]


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda each: each.name)
def test_the_steps_compare_the_fingerprint_and_name_the_right_file(platform: Platform) -> None:
    steps = " ".join(platform.steps)
    assert "ompare" in steps
    assert all(step.endswith(".") for step in platform.steps)
    for file in RootFile:
        assert file not in steps or file is platform.file


def test_the_root_is_found_by_the_name_that_the_steps_mention() -> None:
    pem = make_authority(["box.example"], START).certificate
    assert facts_of(pem).subject.startswith("Cloister of ")
