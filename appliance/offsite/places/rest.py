"""A copy at another rest-server, through its protocol.

https://restic.readthedocs.io/en/stable/REST_backend.html
"""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from appliance.core.errors import ApplianceError
from appliance.offsite.errors import (
    FileThereError,
    TargetFailedError,
    TargetFullError,
    TargetReadOnlyError,
    TargetRefusedError,
    TargetUnprovenError,
    TargetUnreachableError,
)
from appliance.offsite.model import Protection, Target
from appliance.offsite.places.place import (
    BLOCK,
    CONNECT_SECONDS,
    SILENCE_SECONDS,
    Pace,
    RepositoryFile,
    blocks,
)
from appliance.repository.damage import FileKind
from appliance.repository.files import ServerFiles

_NAME = re.compile(r"[0-9a-f]{64}")
_LISTS = {"Accept": "application/vnd.x.restic.rest.v2"}
_TIMEOUT = aiohttp.ClientTimeout(
    total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS
)


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[RestPlace]:
    """Lend the place; each request has its own deadline."""
    headers = {}
    if target.user:
        login = base64.b64encode(f"{target.user}:{target.secret}".encode()).decode()
        headers["Authorization"] = f"Basic {login}"
    trust: aiohttp.Fingerprint | bool = True
    if target.identity:
        trust = aiohttp.Fingerprint(bytes.fromhex(target.identity))
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trust),
        headers=headers,
        timeout=_TIMEOUT,
        trust_env=False,
    ) as session:
        yield RestPlace(session, target.place.rstrip("/"), target.identity)


@asynccontextmanager
async def connected_to(server: ServerFiles) -> AsyncIterator[RestPlace]:
    """Lend what a server on this machine shows, which asks for no password."""
    async with aiohttp.ClientSession(
        connector=server.connector(), timeout=_TIMEOUT, trust_env=False
    ) as session:
        yield RestPlace(session, server.address)


@dataclass(frozen=True, slots=True)
class RestPlace:
    """A Place behind a REST server, at an address without a slash at its end."""

    session: aiohttp.ClientSession
    address: str
    identity: str = ""

    async def prepare(self) -> None:
        """Have the server make its folders; one that has them says so, or refuses."""
        async with self._answer("POST", "/?create=true", allowed=(200, 400, 403, 405)):
            pass

    async def expect_ready(self) -> None:
        """Have the server make what it lacks."""
        await self.prepare()

    async def sizes(self, kind: FileKind) -> dict[str, int]:
        """Return the names of the files of a kind, with their sizes."""
        if kind is FileKind.CONFIG:
            size = await self.size(RepositoryFile(kind))
            return {} if size is None else {"": size}
        async with self._answer("GET", f"/{kind}/", headers=_LISTS, allowed=(200, 404)) as answer:
            if answer.status == 404:
                return {}
            try:
                listed: list[dict[str, Any]] = await answer.json(content_type=None) or []
                found = {str(entry["name"]): int(entry["size"]) for entry in listed}
            except (ValueError, KeyError, TypeError) as error:
                raise self._failed("it is no rest-server of version 0.9.6 or later") from error
        return {name: size for name, size in found.items() if _NAME.fullmatch(name)}

    async def size(self, file: RepositoryFile) -> int | None:
        """Return how large a file is."""
        async with self._answer("HEAD", f"/{file}", allowed=(200, 404)) as answer:
            return None if answer.status == 404 else int(answer.headers["Content-Length"])

    async def read(self, file: RepositoryFile, offset: int, length: int) -> AsyncIterator[bytes]:
        """Yield a part of a file."""
        part = {"Range": f"bytes={offset}-{offset + length - 1}"}
        async with self._answer("GET", f"/{file}", headers=part, allowed=(200, 206)) as answer:
            # A server that does not know parts sends the whole.
            skip = offset if answer.status == 200 else 0
            async for block in answer.content.iter_chunked(BLOCK):
                wanted = block[skip : skip + length]
                skip, length = max(0, skip - len(block)), length - len(wanted)
                if wanted:
                    yield wanted
                if length <= 0:
                    return

    async def put(self, file: RepositoryFile, content: bytes, pace: Pace) -> None:
        """Send a file; the server shows it when it is whole, and compares it with its name."""
        # Not every server refuses to replace a file.
        if await self.size(file) is not None:
            raise FileThereError
        headers = {
            "Content-Length": str(len(content)),
            "Content-Type": "application/octet-stream",
        }
        async with self._answer("POST", f"/{file}", headers=headers, data=_paced(content, pace)):
            pass

    async def try_to_delete(self, file: RepositoryFile) -> Protection:
        """Delete a file, if the server lets us."""
        async with self._answer("DELETE", f"/{file}", allowed=(200, 204, 403, 404, 405)) as answer:
            refused = answer.status in {403, 405}
        return Protection.APPEND_ONLY if refused else Protection.NONE

    async def free(self) -> int | None:
        """Return None: the protocol has no question for it."""
        return None

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        *,
        allowed: tuple[int, ...] = (200,),
        headers: Mapping[str, str] | None = None,
        data: AsyncIterator[bytes] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        with self._in_words():
            async with self.session.request(
                method,
                f"{self.address}{path}",
                headers=headers,
                data=data,
                # The password is for this server alone.
                allow_redirects=False,
            ) as answer:
                if answer.status not in allowed:
                    raise self._refusal(method, answer.status)
                yield answer

    def _refusal(self, method: str, status: int) -> ApplianceError:
        match status:
            case 401:
                return TargetRefusedError(place=self.address)
            case 403:
                refused = TargetReadOnlyError if method == "POST" else TargetRefusedError
                return refused(place=self.address)
            case 413 | 507:
                return TargetFullError(place=self.address)
            case _:
                return self._failed(f"HTTP status {status}")

    def _failed(self, reason: str) -> ApplianceError:
        return TargetFailedError(place=self.address, reason=reason)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except aiohttp.ServerFingerprintMismatch as error:
            raise self._unproven(error.got.hex(), self.identity) from error
        except (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError) as error:
            words = ("a certificate that no authority vouches for", "an authority or a fingerprint")
            raise self._unproven(*words) from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            reason = getattr(error, "strerror", None) or "the connection ended"
            if isinstance(error, TimeoutError):
                reason = "it does not answer"
            raise TargetUnreachableError(place=self.address, reason=reason) from error

    def _unproven(self, found: str, expected: str) -> ApplianceError:
        return TargetUnprovenError(place=self.address, found=found, expected=expected)


async def _paced(content: bytes, pace: Pace) -> AsyncIterator[bytes]:
    for block in blocks(content):
        await pace(len(block))
        yield block
