"""Nginx and its certificate: let it read another one, and see which one it serves."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography import x509

from appliance.core.clock import Clock
from appliance.supervisor.loop import Supervisor
from appliance.tls.certificate import fingerprint_of

_NAME = "nginx"
_ANSWER_SECONDS = 5.0
# Workers with the new certificate are there at once; on a busy machine it takes some seconds.
_TAKEN_OVER_SECONDS = 20.0
_POLL_SECONDS = 0.1


class WebServer(Protocol):
    """What serves the certificate."""

    async def take_over(self, fingerprint: str, by: str) -> bool:
        """Let it read its certificate again; say whether it serves the one with this fingerprint.

        One that an operator has stopped serves nothing, and takes it over at its next start.
        """
        ...

    async def served(self) -> str | None:
        """Return the fingerprint of what is served; None where nothing answers."""
        ...


@dataclass(frozen=True, slots=True)
class Nginx:
    """The unit of the catalogue: open connections, WebSockets for example, go on.

    `socket` is where it serves TLS to the supervisor.
    """

    supervisor: Supervisor
    socket: Path
    clock: Clock

    async def take_over(self, fingerprint: str, by: str) -> bool:
        """Reload it and look until it serves the certificate; one that has failed is restarted."""
        view = self.supervisor.view(_NAME)
        if view.stopped_by is not None:
            return True
        if view.phase.is_healthy:
            await self.supervisor.reload(_NAME, by)
        else:
            await self.supervisor.restart(_NAME, by)
        deadline = self.clock.monotonic() + _TAKEN_OVER_SECONDS
        while self.clock.monotonic() < deadline:
            if await self.served() == fingerprint:
                return True
            await self.clock.sleep(_POLL_SECONDS)
        return False

    async def served(self) -> str | None:
        """Return the fingerprint of what is served; None where nothing answers."""
        return await served_fingerprint(self.socket)


class WithoutWebServer:
    """No Nginx, and nothing to take over."""

    async def take_over(self, fingerprint: str, by: str) -> bool:  # noqa: ARG002 - of the protocol
        """Say that what is kept counts."""
        return True

    async def served(self) -> str | None:
        """Nothing is served."""
        return None


async def served_fingerprint(socket: Path) -> str | None:
    """Connect to a unix socket with TLS, and return the fingerprint of the server's certificate.

    None where nothing answers in time.
    """
    # Which certificate it is, is the question; whether it can be trusted is none here.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            _, writer = await asyncio.open_unix_connection(
                str(socket), ssl=context, server_hostname="localhost"
            )
    except (OSError, TimeoutError):
        return None
    connection = writer.get_extra_info("ssl_object")
    writer.transport.abort()
    der = connection.getpeercert(binary_form=True) if connection else None
    return fingerprint_of(x509.load_der_x509_certificate(der)) if der else None
