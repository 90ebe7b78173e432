"""Who listens, and which network a process is in, is read from a /proc that a test wrote."""

from __future__ import annotations

import socket
from pathlib import Path

from appliance.health.checks.isolation import evaluate_networks, isolation_checks
from appliance.health.checks.port_conflicts import evaluate_listeners
from appliance.health.model import CheckResult, CheckState
from appliance.health.processes import listeners, networks

HOST, OWN = "net:[1]", "net:[2]"
DEVICES = "Inter-|   Receive  |  Transmit\n face |bytes    packets\n"
TABLE_HEAD = "  sl  local_address rem_address   st tx_queue\n"


def proc_entry(
    proc: Path,
    pid: int,
    name: str,
    *,
    service: str = "",
    namespace: str = HOST,
    inode: int = 0,
    more: tuple[str, ...] = (),
) -> None:
    """Write what the kernel would show about one process."""
    folder = proc / str(pid)
    for part in ("ns", "net", "fd"):
        (folder / part).mkdir(parents=True)
    (folder / "comm").write_text(f"{name}\n")
    (folder / "cgroup").write_text(f"0::/system.slice/{service or 'other.service'}\n")
    (folder / "ns" / "net").symlink_to(namespace)
    interfaces = ("lo", *more) if namespace != HOST else ("lo", "eth0")
    lines = (f"{interface:>6}:    0    0\n" for interface in interfaces)
    (folder / "net" / "dev").write_text(DEVICES + "".join(lines))
    if inode:
        (folder / "fd" / "3").symlink_to(f"socket:[{inode}]")


def listening(proc: Path, **inodes: int) -> None:
    """Write the host's table of sockets: a port as `p443`, and its inode."""
    lines = [
        f"   {number}: 00000000:{int(port[1:]):04X} 00000000:0000 0A 0:0 0:0 0 0 0 {inode} 1\n"
        for number, (port, inode) in enumerate(inodes.items())
    ]
    # A connection on the port is no listener.
    lines.append("   9: 0100007F:01BB 0100007F:9999 01 0:0 0:0 0 0 0 77 1\n")
    (proc / "1" / "net" / "tcp").write_text(TABLE_HEAD + "".join(lines))
    (proc / "1" / "net" / "tcp6").write_text(TABLE_HEAD)


def test_ports_that_systemd_and_the_web_server_hold_are_ours(tmp_path: Path) -> None:
    proc_entry(tmp_path, 1, "systemd", inode=50)
    proc_entry(tmp_path, 20, "nginx", service="cloister-nginx.service", namespace=OWN, inode=51)
    listening(tmp_path, p80=50, p443=51)
    result = evaluate_listeners(listeners(frozenset({80, 443}), tmp_path))
    assert result.state is CheckState.OK


def test_another_program_on_a_port_is_named(tmp_path: Path) -> None:
    proc_entry(tmp_path, 1, "systemd", inode=50)
    proc_entry(tmp_path, 33, "apache2", inode=51)
    listening(tmp_path, p80=51, p443=50)
    result = evaluate_listeners(listeners(frozenset({80, 443}), tmp_path))
    assert result.state is CheckState.FAILED
    assert result.sentence == "Port 80 is in use by apache2 (process 33)."


def test_a_port_on_which_no_program_listens_is_a_failure(tmp_path: Path) -> None:
    proc_entry(tmp_path, 1, "systemd", inode=50)
    listening(tmp_path, p80=50)
    result = evaluate_listeners(listeners(frozenset({80, 443}), tmp_path))
    assert result.state is CheckState.FAILED
    assert "443" in result.sentence


async def test_services_without_the_hosts_network_are_isolated(tmp_path: Path) -> None:
    proc_entry(tmp_path, 1, "systemd")
    proc_entry(tmp_path, 7, "sshd", service="ssh.service")
    proc_entry(tmp_path, 21, "postgres", service="cloister-postgres.service", namespace=OWN)
    proc_entry(tmp_path, 22, "postgres", service="cloister-postgres.service", namespace=OWN)
    proc_entry(tmp_path, 23, "python3", service="cloister.service", namespace="net:[3]")
    check = next(check for check in isolation_checks(tmp_path) if check.id == "networks")
    result = await check.ask()
    assert isinstance(result, CheckResult)
    assert result.state is CheckState.OK
    assert "3 processes of 2 services" in result.sentence


def test_a_service_with_the_hosts_network_is_named(tmp_path: Path) -> None:
    proc_entry(tmp_path, 21, "postgres", service="cloister-postgres.service", namespace=OWN)
    proc_entry(tmp_path, 24, "python3", service="cloister-webchat@1.service")
    result = evaluate_networks(HOST, networks(tmp_path))
    assert result.state is CheckState.FAILED
    assert "cloister-webchat@1.service (process 24, python3)" in result.sentence


def test_an_off_site_copy_is_meant_to_be_online(tmp_path: Path) -> None:
    proc_entry(tmp_path, 21, "postgres", service="cloister-postgres.service", namespace=OWN)
    proc_entry(tmp_path, 26, "python3", service="cloister-offsite@2.service")
    result = evaluate_networks(HOST, networks(tmp_path))
    assert result.state is CheckState.OK
    assert "cloister-offsite@2.service" in result.sentence


def test_asking_for_a_certificate_is_meant_to_be_online(tmp_path: Path) -> None:
    proc_entry(tmp_path, 21, "postgres", service="cloister-postgres.service", namespace=OWN)
    proc_entry(tmp_path, 26, "python3", service="cloister-acme.service")
    result = evaluate_networks(HOST, networks(tmp_path))
    assert result.state is CheckState.OK
    assert "cloister-acme.service is online to ask for a certificate." in result.sentence


def test_of_all_others_only_the_download_of_a_model_may_be_online(tmp_path: Path) -> None:
    proc_entry(tmp_path, 21, "postgres", service="cloister-postgres.service", namespace=OWN)
    proc_entry(tmp_path, 25, "ollama", service="cloister-fetch@llama.service")
    result = evaluate_networks(HOST, networks(tmp_path))
    assert result.state is CheckState.WARNING
    assert "cloister-fetch@llama.service" in result.sentence


def test_the_real_proc_shows_a_socket_of_ours_with_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = [entry for entry in listeners(frozenset({port})) if entry.port == port]
    assert found
    # Only root may look into other accounts' processes, but everybody into their own.
    assert found[0].holders


def test_tunnels_that_the_kernel_puts_everywhere_open_nothing(tmp_path: Path) -> None:
    service = "cloister-ingest.service"
    proc_entry(tmp_path, 20, "python3", service=service, namespace=OWN, more=("tunl0", "sit0"))
    assert evaluate_networks(HOST, networks(tmp_path)).state is CheckState.OK
    proc_entry(tmp_path, 21, "python3", service=service, namespace=OWN, more=("wg0",))
    assert evaluate_networks(HOST, networks(tmp_path)).state is CheckState.FAILED
