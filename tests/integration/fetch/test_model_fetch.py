"""`cloister model fetch NAME`: by systemd when packaged, by the running Ollama in a clone."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from typing import cast

import pytest

from appliance.accounts.model import Account
from appliance.audit.model import AuditEvent
from appliance.control.keys import Surroundings
from appliance.control.server import control_server
from appliance.core.settings import from_environment
from appliance.db.pool import Database
from appliance.jobs.model import JobState
from appliance.jobs.service import JobService
from appliance.supervisor.loop import Supervisor
from tests.appliance import IN_THE_BACKGROUND
from tests.builders.audit import audited
from tests.builders.health import healthy
from tests.builders.library import until
from tests.builders.services import services_of, services_without_database
from tests.fakes.ollama import running_fake
from tests.fakes.units import FakeUnits
from tests.integration.fetch.conftest import ROOT, Machine

UNIT = r"cloister-fetch@tiny:3b\x2dq4.service"
NAME = "tiny:3b-q4"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may ask for it")


@pytest.fixture
def packaged(machine: Machine) -> Machine:
    """Its systemctl runs the unit's command, its journalctl reads what that printed."""
    journal = shlex.quote(str(machine.folder / "journal"))
    record = shlex.quote(str(machine.folder / "systemctl"))
    # systemd makes the model's name of that of the instance.
    command = f'{shlex.quote(sys.executable)} -m appliance fetch "$model"'
    # A unit has an environment of its own, with nothing of its caller's.
    variables = machine.environment() | {"CLOISTER_PACKAGED": "0"}
    environment = shlex.join(f"{name}={value}" for name, value in variables.items())
    machine.install(
        "systemctl",
        f'echo "$@" >>{record}\n'
        f'case "$1" in stop) exit 0 ;; esac\n'
        f"cd {shlex.quote(str(ROOT))}\n"
        f'case "$3" in *huge*) model=huge ;; *) model={NAME} ;; esac\n'
        # It is not root in life, and has no rights to give up. Its errors have a priority that the
        # caller does not ask the journal for.
        f"exec env {environment} {command} >>{journal} 2>/dev/null",
    )
    machine.install(
        "journalctl",
        f'case "$*" in\n'
        f"  *--sync*) exit 0 ;;\n"
        f"  *--follow*) exec tail -n +1 -F {journal} ;;\n"
        f"  *) exec cat {journal} ;;\n"
        f"esac",
    )
    (machine.folder / "journal").touch()
    machine.variables["CLOISTER_PACKAGED"] = "1"
    return machine


def asked(machine: Machine) -> list[str]:
    return (machine.folder / "systemctl").read_text().splitlines()


@root_only
async def test_it_shows_what_its_unit_says_and_what_to_do_next(packaged: Machine) -> None:
    code, printed, errors = await packaged.run("model", "fetch", NAME)
    assert (code, errors) == (0, "")
    lines = printed.splitlines()
    assert lines[0].startswith("tiny:3b-q4 is downloaded from registry.ollama.ai.")
    assert lines.count("2.0 MB of 2.0 MB (100 %)") == 1
    assert lines[-2] == "tiny:3b-q4 has arrived."
    assert "cloister model use chat tiny:3b-q4" in lines[-1]
    assert asked(packaged) == [f"start --wait {UNIT}"]
    assert list(packaged.models.glob("models/manifests/*/library/tiny/3b-q4"))


@root_only
@pytest.mark.parametrize("as_json", [False, True])
async def test_a_failure_is_printed_once_with_its_code_and_its_hint(
    packaged: Machine, as_json: bool
) -> None:
    options = ("--json",) if as_json else ()
    code, printed, errors = await packaged.run("model", "fetch", "huge", *options)
    assert code == 1
    if as_json:
        assert printed == ""
        assert json.loads(errors)["error"] == {
            "code": "disk_full",
            "message": "There is no room on the disk for “huge:latest”.",
            "hint": "Make room, then try again: what arrived is kept.",
        }
    else:
        assert errors == (
            "cloister: There is no room on the disk for “huge:latest”.\n"
            "Make room, then try again: what arrived is kept.\n"
        )
        assert printed.splitlines()[1:] == ["Asking the registry …"]
    assert list(packaged.models.rglob("*.result")) == []


@root_only
async def test_a_printed_line_is_never_taken_for_the_error(packaged: Machine) -> None:
    packaged.install(
        "systemctl",
        f"echo 'cloister: This is a line like any other.'"
        f" >>{shlex.quote(str(packaged.folder / 'journal'))}\n"
        "echo 'Job failed.' >&2; exit 1",
    )
    code, printed, errors = await packaged.run("model", "fetch", NAME)
    assert code == 1
    assert printed.splitlines()[1:] == ["cloister: This is a line like any other."]
    assert "Job failed." in errors


@root_only
async def test_a_unit_that_says_nothing_leaves_systemds_own_words(packaged: Machine) -> None:
    packaged.install("systemctl", "echo 'Unit cloister-fetch@.service not found.' >&2; exit 5")
    code, _, errors = await packaged.run("model", "fetch", NAME)
    assert code == 1
    assert "Unit cloister-fetch@.service not found." in errors


@root_only
async def test_ctrl_c_stops_the_unit(packaged: Machine) -> None:
    journal = shlex.quote(str(packaged.folder / "journal"))
    record = shlex.quote(str(packaged.folder / "systemctl"))
    packaged.install(
        "systemctl",
        f'echo "$@" >>{record}\n'
        f'case "$1" in stop) exit 0 ;; esac\n'
        f"echo 'Asking the registry …' >>{journal}; exec sleep 60",
    )
    process = await packaged.start("model", "fetch", NAME)
    await packaged.wait_for_line(process, "Asking the registry")
    process.send_signal(signal.SIGINT)
    await process.communicate()
    assert process.returncode == 1
    assert asked(packaged) == [f"start --wait {UNIT}", f"stop {UNIT}"]


@root_only
async def test_in_the_background_it_goes_on_after_ctrl_c(packaged: Machine) -> None:
    """As under `nohup`, or with the `&` of a script, Ctrl-C is meant for another program."""
    journal = shlex.quote(str(packaged.folder / "journal"))
    record = shlex.quote(str(packaged.folder / "systemctl"))
    arrived = packaged.folder / "arrived"
    packaged.install(
        "systemctl",
        f'echo "$@" >>{record}\n'
        f"echo 'Asking the registry …' >>{journal}\n"
        f"until test -e {shlex.quote(str(arrived))}; do sleep 0.05; done",
    )
    process = await packaged.start("model", "fetch", NAME, prefix=IN_THE_BACKGROUND)
    await packaged.wait_for_line(process, "Asking the registry")
    process.send_signal(signal.SIGINT)
    arrived.touch()
    printed, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert f"{NAME} is installed.".encode() in printed
    assert asked(packaged) == [f"start --wait {UNIT}"]


@pytest.mark.parametrize("name", ["gpt-oss:cloud", "evil.example/a/b", "two words"])
async def test_a_bad_name_starts_nothing(packaged: Machine, name: str) -> None:
    code, _, errors = await packaged.run("model", "fetch", name)
    assert code == 1
    assert errors.startswith("cloister: ")
    assert not (packaged.folder / "systemctl").exists()


@root_only
async def test_taking_the_machine_online_is_recorded_by_the_supervisor(packaged: Machine) -> None:
    audit = []

    async def record(event: AuditEvent) -> None:
        audit.append((event.action, event.object_id))
        # Before it is done.
        assert not (packaged.folder / "systemctl").exists()

    socket = from_environment(packaged.environment()).control_socket
    socket.parent.mkdir(parents=True, exist_ok=True)
    surroundings = Surroundings((), lambda: "code", record, healthy)
    async with control_server(
        cast("Supervisor", FakeUnits()), services_without_database(), surroundings, socket
    ):
        code, _, errors = await packaged.run("model", "fetch", NAME)
    assert (code, errors) == (0, "")
    assert audit == [("model.fetch", NAME)]


@pytest.fixture
async def jobs(packaged: Machine, database: Database) -> AsyncIterator[JobService]:
    """A supervisor that keeps the record of the download."""
    socket = from_environment(packaged.environment()).control_socket
    socket.parent.mkdir(parents=True, exist_ok=True)
    services = services_of(database)
    surroundings = Surroundings((), lambda: "code", _no_record, healthy)
    async with control_server(cast("Supervisor", FakeUnits()), services, surroundings, socket):
        yield services.jobs


async def _no_record(_: AuditEvent) -> None:
    pytest.fail("the job's own transaction records it")


@root_only
async def test_a_download_is_a_job_with_its_lines_and_its_result(
    packaged: Machine, jobs: JobService, database: Database
) -> None:
    code, _, errors = await packaged.run("model", "fetch", NAME)
    assert (code, errors) == (0, "")
    [listed] = await jobs.jobs()
    job = await jobs.job(listed.id)
    assert (job.kind, job.subject, job.state) == ("model_fetch", NAME, JobState.DONE)
    assert job.result == f"{NAME} is installed."
    assert "2.0 MB of 2.0 MB (100 %)" in job.log
    assert [row[:3] for row in await audited(database)] == [("command line", "model.fetch", NAME)]


@root_only
async def test_a_download_that_fails_is_a_failed_job(packaged: Machine, jobs: JobService) -> None:
    packaged.install("systemctl", "echo 'Unit cloister-fetch@.service not found.' >&2; exit 5")
    code, _, _ = await packaged.run("model", "fetch", NAME)
    assert code == 1
    [job] = await jobs.jobs()
    assert job.state is JobState.FAILED
    assert "not found" in (job.result or "")


@root_only
async def test_an_operator_who_cancels_the_job_takes_the_machine_offline(
    packaged: Machine, jobs: JobService, olga: Account
) -> None:
    record = shlex.quote(str(packaged.folder / "systemctl"))
    packaged.install(
        "systemctl",
        f'echo "$@" >>{record}\ncase "$1" in stop) exit 0 ;; esac\nexec sleep 60',
    )
    process = await packaged.start("model", "fetch", NAME)

    async def started() -> bool:
        return (packaged.folder / "systemctl").exists()

    await until(started)
    [job] = await jobs.jobs()
    assert job.state is JobState.RUNNING
    assert (await jobs.cancel(olga, job.id)).is_cancelling
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"was stopped" in errors
    assert asked(packaged) == [f"start --wait {UNIT}", f"stop {UNIT}"]
    assert (await jobs.job(job.id)).state is JobState.CANCELLED


@root_only
async def test_only_root_may_take_the_machine_online(packaged: Machine) -> None:
    anybody = ("setpriv", "--reuid=61001", "--regid=61001", "--clear-groups")
    code, _, errors = await packaged.run("model", "fetch", NAME, prefix=anybody)
    assert code == 1
    assert "Only root at the machine itself" in errors
    assert not (packaged.folder / "systemctl").exists()


async def test_in_a_clone_the_running_ollama_pulls(machine: Machine) -> None:
    async with running_fake() as fake:
        machine.variables["OLLAMA_HOST"] = fake.address
        code, printed, errors = await machine.run("model", "fetch", "tiny")
        assert (code, errors) == (0, "")
        assert "tiny:latest" in fake.models
        assert "2.0 MB of 2.0 MB (100 %)" in printed.splitlines()
        assert "cloister model use chat tiny:latest" in printed
        code, _, errors = await machine.run("model", "fetch", "missing")
    assert code == 1
    assert "The registry has no model “missing:latest”." in errors
