"""restic's server on another computer of the network: it adds to a copy, and removes nothing."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from appliance.tls.authority import make_authority, make_leaf
from tests.machines.neighbour import Neighbour
from tests.machines.programs import run_program, wait_until

PORT = 8000
REPOSITORY = "cloister"


@dataclass(frozen=True, slots=True)
class RestServer:
    """Where it is, and the fingerprint by which a target knows its certificate."""

    neighbour: Neighbour
    folder: Path
    identity: str

    @property
    def address(self) -> str:
        return f"https://{self.neighbour.address}:{PORT}/{REPOSITORY}/"

    def status_of(self, method: str, path: str) -> int:
        """What it answers to a stranger on the network who asks it for something."""

        def ask() -> int:
            with httpx.Client(verify=False, trust_env=False, timeout=10) as client:  # noqa: S501
                return client.request(method, self.address + path).status_code

        return self.neighbour.run(ask)


@contextmanager
def running_rest_server(neighbour: Neighbour, archive: Path, folder: Path) -> Iterator[RestServer]:
    """Run Debian's program, which the machines install as well, at the neighbour's address."""
    (package,) = archive.glob("restic-rest-server_*.deb")
    program, data = folder / "program", folder / "data"
    data.mkdir(parents=True)
    run_program("dpkg-deb", "--extract", str(package), str(program))
    names, now = [neighbour.address], datetime.now(UTC)
    pair = make_leaf(make_authority(names, now), names, now)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    encoded = ssl.PEM_cert_to_DER_cert(pair.certificate.decode())
    command = (
        *(str(program / "usr/bin/restic-rest-server"), "--append-only", "--no-auth", "--tls"),
        *(f"--tls-cert={certificate}", f"--tls-key={key}"),
        *(f"--listen={neighbour.address}:{PORT}", f"--path={data}"),
    )
    output = (folder / "log").open("wb")
    process = neighbour.run(lambda: subprocess.Popen(command, stdout=output, stderr=output))
    server = RestServer(neighbour, data / REPOSITORY, hashlib.sha256(encoded).hexdigest())

    def answers() -> bool:
        try:
            return server.status_of("HEAD", "config") in {200, 404}
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, "the server of copies answers")
        yield server
    finally:
        process.kill()
        process.wait()
        output.close()
