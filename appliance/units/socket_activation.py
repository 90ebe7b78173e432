"""The sockets that systemd opened for Nginx, which itself may open none to the network."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FIRST_DESCRIPTOR = 3
HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket: its descriptor, and where it listens."""

    descriptor: int
    host: str
    port: int

    @property
    def address(self) -> str:
        """The address as a `listen` line of Nginx states it."""
        return f"{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class Listeners:
    """What Nginx does with the sockets it was given: which serve, which only redirect."""

    all: tuple[Listener, ...] = ()

    @property
    def serving(self) -> tuple[str, ...]:
        """Addresses that speak TLS: all but those of the lowest of several ports."""
        return tuple(one.address for one in self.all if one.port not in self._plain)

    @property
    def redirecting(self) -> tuple[str, ...]:
        """Addresses that only send people on to TLS."""
        return tuple(one.address for one in self.all if one.port in self._plain)

    @property
    def port_suffix(self) -> str:
        """What follows the host in the address of a redirect: nothing for the usual port."""
        ports = {one.port for one in self.all} - self._plain
        return "" if not ports or HTTPS_PORT in ports else f":{min(ports)}"

    @property
    def environment(self) -> dict[str, str]:
        """The variable that makes Nginx take the sockets over instead of opening its own.

        It is how an old Nginx hands its sockets to a new one while it is upgraded.
        """
        if not self.all:
            return {}
        return {"NGINX": "".join(f"{one.descriptor};" for one in self.all)}

    @property
    def _plain(self) -> set[int]:
        # A rule that holds for 80 and 443 as for 8080 and 8443; a port alone is never plain.
        ports = {one.port for one in self.all}
        return {min(ports)} if len(ports) > 1 else set()


def inherited(
    environment: Mapping[str, str] = os.environ, *, pid: int | None = None
) -> tuple[int, ...]:
    """Return the descriptors that systemd passed to this very process; none is no error."""
    mine = environment.get("LISTEN_PID") == str(os.getpid() if pid is None else pid)
    count = int(environment.get("LISTEN_FDS", "0")) if mine else 0
    return tuple(range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + count))


def listeners(descriptors: Sequence[int]) -> Listeners:
    """Ask the kernel where each socket listens: nothing is said twice, so nothing can differ."""
    return Listeners(tuple(map(_listener, descriptors)))


def bracketed(host: str) -> str:
    """Return a host as it is written before a port."""
    return f"[{host}]" if ":" in host else host


def _listener(descriptor: int) -> Listener:
    borrowed = socket.socket(fileno=descriptor)
    try:
        host, port = borrowed.getsockname()[:2]
    finally:
        # The descriptor stays open: it is for the program that this process becomes.
        borrowed.detach()
    return Listener(descriptor, host, port)
