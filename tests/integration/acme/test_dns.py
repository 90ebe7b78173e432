"""DNS-01 through a hook program, which publishes at a real DNS server what Pebble looks at."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from appliance.acme.errors import HookMissingError
from appliance.acme.hook import Change, Hook, HookFailedError
from appliance.acme.model import Refusal
from appliance.core.settings import Settings
from tests.fakes.acme import Pebble, names_of
from tests.integration.acme.conftest import Asking

HOOK = "publish"
PROGRAM = """#!{python}
import json, sys, urllib.request
change, record, value = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
call, body = {{
    "present": ("set-txt", {{"host": record + ".", "value": value}}),
    "remove": ("clear-txt", {{"host": record + "."}}),
}}[change]
urllib.request.urlopen({dns!r} + "/" + call, json.dumps(body).encode())
"""


def put_hook(settings: Settings, text: str, name: str = HOOK) -> Path:
    settings.acme_hooks.mkdir(parents=True, exist_ok=True)
    path = settings.acme_hooks / name
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def calls(settings: Settings, pebble: Pebble, tmp_path: Path) -> Callable[[], list[list[str]]]:
    """Put the program in place; return how it was called."""
    log = tmp_path / "calls"
    put_hook(settings, PROGRAM.format(python=sys.executable, log=str(log), dns=pebble.dns))
    return lambda: [line.split() for line in log.read_text().splitlines()]


async def test_a_name_with_an_asterisk_is_proved_by_a_record(
    ask: Asking, calls: Callable[[], list[list[str]]]
) -> None:
    answer = await ask.issue("*.dns.example", "dns.example", challenge="dns-01", hook=HOOK)
    assert names_of(x509.load_pem_x509_certificate(answer.chain)) == {
        "*.dns.example",
        "dns.example",
    }
    # Each record is taken back before the next one is published: both names share one.
    assert [call[:2] for call in calls()] == [
        ["present", "_acme-challenge.dns.example"],
        ["remove", "_acme-challenge.dns.example"],
    ] * 2
    values = [call[2] for call in calls()]
    assert values[0] == values[1]
    assert values[0] != values[2]


async def test_what_a_program_says_when_it_fails_is_reported_for_its_name_alone(
    ask: Asking, settings: Settings
) -> None:
    text = "#!/bin/sh\ncase $2 in *bad*) echo starting >&2; echo 'No such zone.' >&2; exit 3;; esac"
    put_hook(settings, text)
    answer = await ask.issue("bad.example", "good.example", challenge="dns-01", hook=HOOK)
    assert answer.working == ()
    failed = {failure.name: failure for failure in answer.failed}
    bad, good = failed["bad.example"], failed["good.example"]
    assert (bad.refusal, bad.detail) == (Refusal.HOOK, "No such zone")
    # The program published nothing for the other one either, and the authority says so.
    assert good.refusal is Refusal.WRONG_ANSWER


async def test_a_program_that_does_not_end_is_ended(settings: Settings) -> None:
    put_hook(settings, "#!/bin/sh\nsleep 600")
    hook = Hook(settings.acme_hooks, HOOK, only_root=False, seconds=0.2)
    with pytest.raises(HookFailedError, match="ran out of time"):
        await hook.change(Change.PRESENT, "_acme-challenge.a.example", "value")


@pytest.mark.parametrize("name", ["absent", "../publish", "", "/bin/true", "not-executable"])
async def test_only_a_program_of_the_folder_is_run(settings: Settings, name: str) -> None:
    put_hook(settings, "#!/bin/sh")
    put_hook(settings, "#!/bin/sh", "not-executable").chmod(0o644)
    with pytest.raises(HookMissingError):
        await Hook(settings.acme_hooks, name, only_root=False).expect_usable()


@pytest.mark.parametrize("mode", [0o775, 0o757])
async def test_packaged_a_program_that_others_can_change_is_not_run(
    settings: Settings, mode: int
) -> None:
    path = put_hook(settings, "#!/bin/sh")
    hook = Hook(settings.acme_hooks, HOOK, only_root=True)
    if os.geteuid() == 0:
        await hook.expect_usable()
    path.chmod(mode)
    with pytest.raises(HookMissingError):
        await hook.expect_usable()


async def test_a_missing_program_is_found_before_anything_is_ordered(ask: Asking) -> None:
    with pytest.raises(HookMissingError) as found:
        await ask.issue("a.example", challenge="dns-01", hook="absent")
    assert str(ask.settings.acme_hooks / "absent") in found.value.message
    assert not list(ask.settings.acme.iterdir())
