"""What the unit runs that may go online: `cloister fetch NAME`."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.llm.client import ModelRunner
from tests.fakes.ollama import running_fake
from tests.fakes.ollama_pull import WEIGHTS, manifest_of
from tests.integration.fetch.conftest import Machine

MANIFESTS = "models/manifests/registry.ollama.ai/library"
FETCHER, SERVER, GROUP = 61001, 61002, 61003


async def test_a_fetched_model_is_served_without_a_restart(machine: Machine) -> None:
    served = machine.models / "models"
    async with running_fake(folder=served) as fake, ModelRunner(fake.address) as runner:
        code, printed, errors = await machine.run("fetch", "tiny:3b")
        assert (code, errors) == (0, "")
        assert "tiny:3b" in {model.name for model in await runner.models()}
    lines = printed.splitlines()
    assert lines[0] == "Asking the registry …"
    assert "2.0 MB of 2.0 MB (100 %)" in lines
    assert lines[-1] == "tiny:3b has arrived."
    assert (machine.models / MANIFESTS / "tiny/3b").read_bytes() == manifest_of("tiny:3b")
    assert machine.programs_left() == []
    assert list((machine.folder / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing", "The registry has no model “missing:latest”."),
        ("newer", "“newer:latest” needs a newer Ollama"),
        ("offline", "The registry cannot be reached: pull model manifest: Get"),
        ("huge", "There is no room on the disk for “huge:latest”."),
        ("gpt-oss:cloud", "runs on another company's computers"),
        ("registry.example/x/y", "models are fetched from registry.ollama.ai only"),
    ],
)
async def test_a_failure_is_a_sentence_and_exit_code_1(
    machine: Machine, name: str, sentence: str
) -> None:
    code, _, errors = await machine.run("fetch", name)
    assert code == 1
    assert sentence in errors
    assert "Traceback" not in errors
    assert not (machine.models / "models").exists()
    assert machine.programs_left() == []


async def test_a_damaged_download_is_fetched_again_by_the_next_attempt(machine: Machine) -> None:
    machine.behave(fault="damaged", fault_times=1)
    code, _, errors = await machine.run("fetch", "tiny")
    assert code == 1
    assert "did not arrive whole" in errors
    assert not (machine.models / "models").exists()
    machine.behave()
    code, _, errors = await machine.run("fetch", "tiny")
    assert (code, errors) == (0, "")
    assert (machine.models / MANIFESTS / "tiny/latest").exists()


async def test_without_ollama_it_says_what_to_install(machine: Machine) -> None:
    (machine.programs / "ollama").unlink()
    if shutil.which("ollama"):
        pytest.skip("this machine has an Ollama of its own")
    code, _, errors = await machine.run("fetch", "tiny")
    assert code == 1
    assert "/usr/local/bin/ollama" in errors


async def test_an_ollama_that_does_not_serve_is_quoted(machine: Machine) -> None:
    machine.install("ollama", "echo 'Error: exec format is wrong' >&2; exit 1")
    code, _, errors = await machine.run("fetch", "tiny")
    assert code == 1
    assert "Error: exec format is wrong" in errors


async def test_an_ollama_that_dies_in_the_middle_is_a_sentence(machine: Machine) -> None:
    machine.behave(token_delay=0.05)
    process = await machine.start("fetch", "tiny")
    await machine.wait_for_line(process, "(20 %)")
    for pid in machine.programs_left():
        os.kill(pid, signal.SIGKILL)
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert "it ended in the middle of the download" in errors.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_whatever_ends_it_ends_its_ollama_too(
    machine: Machine, number: signal.Signals
) -> None:
    machine.behave(token_delay=0.05)
    process = await machine.start("fetch", "tiny")
    await machine.wait_for_line(process, "(20 %)")
    assert machine.programs_left()
    process.send_signal(number)
    _, errors = await process.communicate()
    async with asyncio.timeout(30):
        while machine.programs_left():
            await asyncio.sleep(0.02)
    if number is signal.SIGKILL:
        return
    assert process.returncode == 1
    assert "What arrived is kept" in errors.decode()
    partial = list((machine.models / "incoming").rglob("*-partial"))
    assert len(partial) == 1
    kept = partial[0].stat().st_size
    assert 0 < kept < WEIGHTS
    machine.behave()
    code, printed, _ = await machine.run("fetch", "tiny")
    assert code == 0
    # It goes on where it was: the first steps are not printed again.
    assert "(5 %)" not in printed


@pytest.fixture
def open_machine() -> Iterator[Path]:
    """A folder that other users can reach, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="cloister-fetch-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
async def test_two_users_share_the_models_by_their_group(
    machine: Machine, open_machine: Path
) -> None:
    """The served folders belong to one user; another one fetches; the first may delete."""
    models = open_machine / "home" / "ollama"
    for path in (models, models / "models", models / "models/blobs", models / "models/manifests"):
        path.mkdir(parents=True)
        os.chown(path, SERVER, GROUP)
        path.chmod(0o2770)
    temporary = open_machine / "tmp"
    temporary.mkdir()
    temporary.chmod(0o777)
    shutil.copytree(machine.programs, open_machine / "bin")
    shutil.copy(machine.folder / "behaviour.json", open_machine)
    script = (open_machine / "bin/ollama").read_text()
    (open_machine / "bin/ollama").write_text(script.replace(str(machine.folder), str(open_machine)))
    machine.folder = open_machine

    def as_user(user: int) -> tuple[str, ...]:
        groups = (f"--regid={user}", f"--groups={GROUP}", "--inh-caps=-all", "--no-new-privs")
        return ("setpriv", f"--reuid={user}", *groups)

    code, _, errors = await machine.run("fetch", "tiny", prefix=as_user(FETCHER))
    assert (code, errors) == (0, "")
    manifest = models / MANIFESTS / "tiny/latest"
    for path in (models / "models").rglob("*"):
        status = path.stat()
        assert status.st_gid == GROUP, path
        assert stat.S_IMODE(status.st_mode) == (0o2770 if path.is_dir() else 0o640), path
    deleted = await asyncio.create_subprocess_exec(
        *as_user(SERVER), "sh", "-c", 'cat "$0" >/dev/null && rm "$0"', str(manifest)
    )
    assert await deleted.wait() == 0
    code, _, errors = await machine.run("fetch", "tiny", prefix=as_user(FETCHER))
    assert (code, errors) == (0, "")
    assert manifest.stat().st_uid == FETCHER
