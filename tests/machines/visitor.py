"""People and programs on the network who use a machine's appliance, over TLS."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from typing import Any

import httpx
from typing_extensions import override

from tests.e2e.visitor import Program, Visitor
from tests.machines.machine import Machine
from tests.machines.neighbour import Neighbour

ROOT = "/var/lib/cloister/certificates/authority.pem"


class NeighbourTransport(httpx.BaseTransport):
    """Carries requests from a neighbour's place on the network, where names are known.

    `hosts` says which address a name has there: no machine of a test asks a name server.
    """

    def __init__(
        self, neighbour: Neighbour, hosts: Mapping[str, str], trust: ssl.SSLContext
    ) -> None:
        self._neighbour = neighbour
        self._hosts = hosts
        self._network = httpx.HTTPTransport(verify=trust)

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host
        addressed = httpx.Request(
            request.method,
            request.url.copy_with(host=self._hosts.get(name, name)),
            headers=request.headers,
            stream=request.stream,
            # The certificate has to be the one of the name that was asked for.
            extensions={**request.extensions, "sni_hostname": name},
        )
        # A connection stays in the network in which it was opened, so only this has to be there.
        return self._neighbour.run(lambda: self._network.handle_request(addressed))

    @override
    def close(self) -> None:
        self._network.close()


class Site:
    """A machine's appliance as its operator has it: a root shell there, a computer here."""

    def __init__(self, machine: Machine, neighbour: Neighbour, address: str) -> None:
        self.machine = machine
        self.neighbour = neighbour
        self.ip = address
        self.host = machine.run("uname -n").stdout.strip()
        self.address = f"https://{self.host}"

    def cli(self, arguments: str) -> Any:
        """Run `cloister …` as root, and return what it means."""
        return json.loads(self.machine.run(f"cloister {arguments} --json").stdout)

    def way(self) -> NeighbourTransport:
        """How the neighbour reaches it: trusting its own authority, and no other."""
        trust = ssl.create_default_context(cadata=self.machine.run(f"cat {ROOT}").stdout)
        return NeighbourTransport(self.neighbour, {self.host: self.ip}, trust)

    def get(self, url: str, *, follow: bool = False) -> httpx.Response:
        """What a browser gets that has never been here; with `follow`, where that leads to."""
        with httpx.Client(transport=self.way(), trust_env=False, timeout=10) as client:
            return client.get(
                url if "://" in url else self.address + url,
                headers={"Accept": "text/html"},
                follow_redirects=follow,
            )

    def visitor(self) -> Visitor:
        """Somebody with a browser; use as a context manager."""
        return Visitor(self.address, self.way())

    def program(self) -> Program:
        """A program with a new key of the first operator's; use as a context manager."""
        key: str = self.cli("api-key create machine")["key"]
        return Program(self.address, key, self.way())

    def choose_models(self) -> None:
        """Use those of the fake model runner."""
        for purpose, model in (("chat", "fake-chat:latest"), ("search", "fake-embed:latest")):
            self.cli(f"model use {purpose} {model}")

    def claim(self) -> None:
        """Become the operator, with the link that `cloister claim` prints."""
        with self.visitor() as operator:
            operator.claim(self.cli("claim")["link"])


def serves(site: Site) -> bool:
    """Whether the neighbour is shown a page, and the supervisor is content with every unit."""
    return _is_well(site) and _status(site, "/") < httpx.codes.INTERNAL_SERVER_ERROR


def ready(site: Site) -> bool:
    """Whether, besides, a model runner is there, so that questions find answers."""
    return _is_well(site) and _status(site, "/ready") == httpx.codes.OK


def _is_well(site: Site) -> bool:
    return site.machine.run("cloister status", check=False).returncode == 0


def _status(site: Site, path: str) -> int:
    try:
        return site.get(path).status_code
    except httpx.TransportError:
        return httpx.codes.BAD_GATEWAY
