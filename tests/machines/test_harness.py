"""The machines themselves: they boot, forget, remember, are watched, and leave nothing."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.machines.capture import started_by
from tests.machines.ground import Ground, prepared_ground, remaining
from tests.machines.machine import Image, Machine, new_machine
from tests.machines.network import GATEWAY, Network, running_network
from tests.machines.programs import MachineError, wait_until

SYNCED = "sync-me"


@pytest.fixture(scope="module")
def server(ground: Ground, base: Image, network: Network) -> Iterator[Machine]:
    with new_machine(ground, "harness-server", base) as machine:
        machine.boot(network.place("10.44.0.1"))
        yield machine


def test_a_machine_runs_what_it_is_told(server: Machine) -> None:
    assert server.run("cat", content="hello").stdout == "hello"
    assert server.run("exit 7", check=False).returncode == 7
    with pytest.raises(MachineError, match="no-such-file"):
        server.run("cat /no-such-file")


def test_a_service_has_a_unit_of_its_own(server: Machine) -> None:
    assert ".service" in server.run_as_service("cat /proc/self/cgroup").stdout
    assert server.run_as_service("id -un", "User=nobody").stdout.strip() == "nobody"
    assert server.run_as_service("exit 7", check=False).returncode == 7


def test_files_go_in_and_out(server: Machine, tmp_path: Path) -> None:
    sent = tmp_path / "folder" / "file"
    sent.parent.mkdir()
    sent.write_text("content")
    server.copy_in(sent.parent, "/run/inbox")
    assert server.run("cat /run/inbox/folder/file; stat -c %U /run/inbox/folder").stdout == (
        "contentroot\n"
    )
    assert server.copy_out("/run/inbox/folder", tmp_path / "back").joinpath("file").read_text() == (
        "content"
    )
    server.write("/usr/local/bin/greet", "#!/bin/sh\necho greetings\n", 0o755)
    assert server.run("greet").stdout == "greetings\n"


def test_a_reboot_keeps_files_and_forgets_the_rest(server: Machine) -> None:
    before = server.run("echo kept >/var/lib/kept; echo >/run/gone; cat /etc/machine-id").stdout
    server.reboot()
    assert server.run("cat /var/lib/kept").stdout == "kept\n"
    assert server.run("test -e /run/gone", check=False).returncode == 1
    assert server.run("cat /etc/machine-id").stdout == before


def test_a_frozen_machine_is_an_image_for_others(ground: Ground, base: Image) -> None:
    with new_machine(ground, "first", base) as first:
        first.write("/srv/made-by-first", "made\n")
        image = first.freeze()
        with new_machine(ground, "second", image) as second:
            second.boot()
            second.run("echo more >>/srv/made-by-first")
            assert second.run("cat /srv/made-by-first").stdout == "made\nmore\n"
        assert (image.layers[0] / "srv/made-by-first").read_text() == "made\n"


def test_two_machines_do_not_share_processes(server: Machine, ground: Ground, base: Image) -> None:
    with new_machine(ground, "other", base) as other:
        other.boot()
        server.run("systemd-run --unit=same-name sleep infinity")
        other.run("systemd-run --unit=same-name sleep infinity")
        other.run("systemctl stop same-name")
    assert server.run("systemctl is-active same-name").stdout == "active\n"
    server.run("systemctl stop same-name")


def test_a_power_cut_loses_what_was_not_synced(ground: Ground, base: Image) -> None:
    with new_machine(ground, "cut", base, disk="1G") as machine:
        machine.boot()
        machine.run(f"cd /srv && echo safe >{SYNCED} && sync {SYNCED} . && echo lost >unsynced")
        assert machine.run("cat /srv/unsynced").stdout == "lost\n"
        machine.cut_power()
        assert not machine.is_on
        machine.boot()
        assert machine.run(f"cat /srv/{SYNCED}").stdout == "safe\n"
        assert machine.run("cat /srv/unsynced", check=False).stdout == ""


def test_a_kill_loses_nothing(ground: Ground, base: Image) -> None:
    with new_machine(ground, "killed", base) as machine:
        machine.boot()
        machine.run("echo written >/srv/unsynced")
        machine.kill()
        machine.boot()
        assert machine.run("cat /srv/unsynced").stdout == "written\n"


def test_only_a_machine_with_a_disk_can_lose_power(server: Machine) -> None:
    with pytest.raises(MachineError, match="no disk"):
        server.cut_power()
    assert server.is_on


PAGE = r"""#!/bin/sh
# Read the request to its empty line, and answer.
sed '/^\r$/q' >/dev/null
printf 'HTTP/1.0 200 OK\r\n\r\nhello'
"""
TALK = "exec 3<>/dev/tcp/10.44.0.2/{port} && head -c 9 <&3"


def bash(text: str) -> str:
    return f"bash -c '{text}'"


def test_a_neighbour_and_a_capture_see_who_calls(server: Machine, network: Network) -> None:
    neighbour = network.neighbour("10.44.0.2")
    neighbour.listen_tcp(9000)
    neighbour.listen_udp(9001)
    with network.capture("calls") as capture:
        assert server.run(bash(TALK.format(port=9000))).stdout == "neighbour"
        server.run(bash("echo hello >/dev/udp/10.44.0.2/9001"))
        wait_until(lambda: len(neighbour.calls) == 2, "both calls were noted", 5)
        begun = started_by(capture.packets(), network.place("10.44.0.1").card)
    assert {(call.protocol, call.port, call.caller) for call in neighbour.calls} == {
        ("tcp", 9000, "10.44.0.1"),
        ("udp", 9001, "10.44.0.1"),
    }
    assert {("tcp", 9000), ("udp", 9001)} <= {(p.kind, p.destination_port) for p in begun}


def test_a_capture_tells_answers_from_calls(server: Machine, network: Network) -> None:
    card = network.place("10.44.0.1").card
    client = network.neighbour("10.44.0.3")
    server.run(
        "systemd-run --unit=echo --property=Type=exec systemd-socket-activate -a --inetd -l 80 cat"
    )
    server.wait_until("grep -q ':0050 ' /proc/net/tcp6")

    def ask(host: str) -> bytes:
        with socket.create_connection((host, 80), timeout=10) as connection:
            connection.shutdown(socket.SHUT_WR)
            return connection.recv(10)

    with network.capture("answers") as capture:
        client.run(lambda: ask("10.44.0.1"))
        client.run(lambda: ask("fd44::1"))
        packets = capture.packets()
        assert any(p.kind == "tcp" and p.sender == card for p in packets)
        assert started_by(packets, card) == []
        # Nobody lives there: the search for it is all that can be seen of the attempt.
        server.run(bash("timeout 1 cat </dev/tcp/10.44.0.99/80"), check=False)
        silent = started_by(capture.packets(), card)
    assert {(p.kind, p.destination) for p in silent} == {("arp-request", "10.44.0.99")}


def test_a_question_for_a_name_is_seen(server: Machine, network: Network) -> None:
    with network.capture("names") as capture:
        server.run("getent hosts debian.org", check=False)
        begun = started_by(capture.packets(), network.place("10.44.0.1").card)
    assert ("udp", GATEWAY, 53) in {(p.kind, p.destination, p.destination_port) for p in begun}


def test_http_reaches_a_machine_from_its_network_only(server: Machine, network: Network) -> None:
    server.write("/usr/local/bin/page", PAGE, 0o755)
    activate = "systemd-socket-activate --accept --inetd --listen=8080 /usr/local/bin/page"
    server.run(f"systemd-run --unit=page --property=Type=exec {activate}")
    server.wait_until("grep -q ':1F90 ' /proc/net/tcp6")
    address = "http://10.44.0.1:8080/"
    found = network.neighbour("10.44.0.3").run(lambda: httpx.get(address, trust_env=False).text)
    assert found == "hello"
    # The host may have a network of its own with somebody at this address.
    elsewhere = ""
    with suppress(httpx.TransportError):
        elsewhere = httpx.get(address, trust_env=False, timeout=1).text
    assert elsewhere != "hello"


def test_a_failure_carries_what_the_machine_printed(ground: Ground, base: Image) -> None:
    with (  # noqa: PT012  the failure passes through the machine that it is about
        pytest.raises(MachineError) as failure,
        new_machine(ground, "noisy", base) as machine,
    ):
        machine.boot()
        machine.run("logger 'the disk is on fire'; exit 1")
    assert "the disk is on fire" in "".join(failure.value.__notes__)


def test_a_unit_that_fails_at_boot_is_not_overlooked(ground: Ground, base: Image) -> None:
    with new_machine(ground, "degraded", base) as machine:
        # A drop-in for a unit that starts at every boot.
        folder = "/etc/systemd/system/systemd-user-sessions.service.d"
        machine.write(f"{folder}/broken.conf", "[Service]\nExecStartPre=/bin/false\n")
        with pytest.raises(MachineError, match="systemd-user-sessions"):
            machine.boot()


def test_a_machine_without_network_has_its_loopback_only(ground: Ground, base: Image) -> None:
    with new_machine(ground, "alone", base) as machine:
        machine.boot()
        assert machine.run("ls /sys/class/net").stdout.split() == ["lo"]


def test_nothing_is_left_of_a_failed_run(tmp_path: Path, base: Image) -> None:
    with (  # noqa: PT012  what fails is in the middle of all that must be cleared
        pytest.raises(ZeroDivisionError),
        prepared_ground(tmp_path) as ground,
        running_network(ground, "net") as network,
        new_machine(ground, "failing", base, disk="512M") as machine,
        network.capture(),
    ):
        machine.boot(network.place("10.44.0.1"))
        assert len(remaining(ground)) > 5
        raise ZeroDivisionError
    assert remaining(ground) == []


KILLED_RUN = """
import os, signal, sys
from pathlib import Path
from tests.machines.ground import prepared_ground
from tests.machines.machine import Image, Machine
from tests.machines.network import Network
with prepared_ground(Path(sys.argv[1])) as ground:
    network = Network(ground, "net")
    network.open()
    machine = Machine(ground, "killed", Image((Path(sys.argv[2]),)), disk="512M")
    machine.folder.mkdir()
    machine.boot(network.place("10.44.0.1"))
    print(ground.name, machine.process().pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path, base: Image) -> None:
    killed = subprocess.run(
        (sys.executable, "-c", KILLED_RUN, str(tmp_path), str(base.layers[0])),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    name, init = killed.stdout.split()
    leftover = Ground(tmp_path, name.removeprefix("cloister-"))
    assert len(remaining(leftover)) > 3
    assert Path(f"/proc/{init}").exists()
    with prepared_ground(tmp_path):
        assert remaining(leftover) == []
        wait_until(lambda: not Path(f"/proc/{init}").exists(), "the orphaned init is gone", 5)
    assert list(tmp_path.iterdir()) == []
