"""The password of a target is in its file, and nowhere else."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack
from pathlib import Path

import pytest

from appliance.offsite.errors import TargetInvalidError
from appliance.offsite.model import Target
from appliance.offsite.targets import public
from tests.builders.offsite import SERVERS, Machine, rest_target, s3_target
from tests.fakes.offsite import PASSWORD, client_key, rest_server, s3_server


def texts_of(home: Machine) -> str:
    """Return everything that the operation and its asker have written, but the target's file."""
    files = [path for path in home.settings.home.rglob("*") if path.is_file()]
    kept = [path for path in files if path.parent != home.settings.offsite or ".state" in path.name]
    return "\n".join(path.read_text(errors="replace") for path in kept)


@pytest.mark.parametrize("kind", SERVERS)
async def test_it_is_in_no_log_state_error_or_argument(
    kind: str, home: Machine, servers: ExitStack, tmp_path: Path
) -> None:
    start, make = SERVERS[kind]
    server = servers.enter_context(start(tmp_path / "server"))
    secret = client_key(server).splitlines()[2] if kind == "ssh" else PASSWORD
    target: Target = home.set_up(make(server))
    assert secret in (home.settings.offsite / "1.json").read_text()
    home.back_up()
    said = []
    for away in (False, True):
        if away:
            server.stop()
        process = home.start("copy")
        command = Path(f"/proc/{process.pid}/cmdline").read_text()
        surroundings = Path(f"/proc/{process.pid}/environ").read_text(errors="replace")
        output, errors = process.communicate(timeout=50)
        assert (process.returncode != 0) is away
        said += [command, surroundings, output.decode(), errors.decode()]
    told = "\n".join((*said, texts_of(home), repr(target), json.dumps(public(target))))
    assert secret not in told
    assert "offsite_unreachable" in told


async def test_what_an_operator_typed_wrong_is_not_repeated(home: Machine) -> None:
    typed = {"kind": "s3", "endpoint": "ftp://x", "bucket": "a", "secret": PASSWORD}
    with pytest.raises(TargetInvalidError) as caught:
        await home.targets.save(None, typed)
    assert PASSWORD not in repr((caught.value, caught.value.facts, caught.value.as_json()))


async def test_libraries_log_nothing_of_it(
    home: Machine, servers: ExitStack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Even at the level that only a developer sets, the password is not written."""
    caplog.set_level(logging.INFO)
    home.back_up()
    for start, make in ((rest_server, rest_target), (s3_server, s3_target)):
        server = servers.enter_context(start(tmp_path / make.__name__))
        home.set_up(make(server))
        await home.do("copy")
    assert PASSWORD not in caplog.text
