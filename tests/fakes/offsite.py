"""Servers that a copy can go to, as ordinary processes on loopback: the real programs."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from tests.ports import free_port

RCLONE = str(Path(sys.executable).with_name("rclone"))
SSHD = "/usr/sbin/sshd"
USER, PASSWORD = "keeper", "pass-word-Zq81"
_STARTED_WITHIN = 20.0


@dataclass
class RunningServer:
    """A server: where it listens, the folder that it keeps files in, and what it logged."""

    port: int
    folder: Path
    argv: Sequence[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv, stdout=log, stderr=log, env={**os.environ, **self.environment}
            )
        deadline = time.monotonic() + _STARTED_WITHIN
        while not _listens(self.port):
            assert self.process.poll() is None, self.log.read_text()
            if time.monotonic() > deadline:
                raise TimeoutError(self.log.read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def sftp_server(folder: Path, *, options: Sequence[str] = ()) -> Iterator[RunningServer]:
    """Run OpenSSH's server with a host key of its own, for the account of the test."""
    keys = folder / "ssh"
    keys.mkdir(parents=True)
    files = folder / "files"
    files.mkdir()
    host, client = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    (keys / "host").write_bytes(host.export_private_key())
    (keys / "host").chmod(0o600)
    (keys / "client").write_bytes(client.export_private_key())
    (keys / "authorized").write_bytes(client.export_public_key())
    port = free_port()
    config = (
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {keys / 'host'}",
        f"AuthorizedKeysFile {keys / 'authorized'}",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        f"PidFile {keys / 'pid'}",
        *options,
    )
    if not any(line.startswith("Subsystem") for line in options):
        config += ("Subsystem sftp internal-sftp",)
    (keys / "config").write_text("\n".join(config) + "\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True, mode=0o755)
    argv = (SSHD, "-D", "-e", "-f", str(keys / "config"))
    yield from _running(RunningServer(port, files, argv, folder / "sshd.log"))


def client_key(server: RunningServer) -> str:
    """Return the private key that the SFTP server lets in."""
    return (server.folder.parent / "ssh" / "client").read_text()


def host_fingerprint(server: RunningServer) -> str:
    """Return the fingerprint of the server's host key."""
    return asyncssh.read_private_key(server.folder.parent / "ssh" / "host").get_fingerprint()


def account() -> str:
    """Return the account that the SFTP server lets in: that of the test."""
    return getpass.getuser()


@contextmanager
def rest_server(folder: Path, *options: str) -> Iterator[RunningServer]:
    """Run a server of restic's protocol with a user and a password."""
    yield from _rclone(folder, "restic", (f"--user={USER}", f"--pass={PASSWORD}", *options))


@contextmanager
def append_only_server(
    folder: Path, repository: Path, socket_path: Path | None = None
) -> Iterator[str]:
    """Serve a repository as the package does, and lend the address.

    It only adds, and needs no password. It listens on a port of loopback, or on a unix socket.
    """
    port = 0 if socket_path else free_port()
    place = f"unix://{socket_path}" if socket_path else f"127.0.0.1:{port}"
    argv = (RCLONE, "serve", "restic", str(repository), "--append-only", f"--addr={place}")
    environment = {"RCLONE_CONFIG": "/dev/null", "RCLONE_CACHE_DIR": str(folder / "cache")}
    log = (folder / "rclone.log").open("ab")
    process = subprocess.Popen(argv, stdout=log, stderr=log, env={**os.environ, **environment})
    try:
        deadline = time.monotonic() + _STARTED_WITHIN
        while not (socket_path.exists() if socket_path else _listens(port)):
            assert process.poll() is None, (folder / "rclone.log").read_text()
            if time.monotonic() > deadline:
                raise TimeoutError((folder / "rclone.log").read_text())
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.kill()
        process.wait()
        log.close()


@contextmanager
def s3_server(folder: Path, *options: str) -> Iterator[RunningServer]:
    """Run a server of S3 with one key, and the bucket `copies`."""
    (folder / "files" / "copies").mkdir(parents=True)
    yield from _rclone(folder, "s3", (f"--auth-key={USER},{PASSWORD}", *options))


def _rclone(folder: Path, kind: str, options: Sequence[str]) -> Iterator[RunningServer]:
    files = folder / "files"
    files.mkdir(parents=True, exist_ok=True)
    port = free_port()
    argv = (RCLONE, "serve", kind, str(files), f"--addr=127.0.0.1:{port}", *options)
    environment = {"RCLONE_CONFIG": "/dev/null", "RCLONE_CACHE_DIR": str(folder / "cache")}
    yield from _running(RunningServer(port, files, argv, folder / "rclone.log", environment))


@contextmanager
def locking_s3_server(folder: Path) -> Iterator[RunningServer]:
    """Run moto's server of S3, which knows object lock and makes no bucket by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    argv = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    yield from _running(RunningServer(port, folder, argv, folder / "moto.log"))


def _running(server: RunningServer) -> Iterator[RunningServer]:
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0
