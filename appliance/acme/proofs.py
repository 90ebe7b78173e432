"""Publish proofs for an authority, and take them back: files for HTTP-01, records for DNS-01."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from appliance.acme.client import Proof
from appliance.acme.hook import Change, Hook, HookFailedError
from appliance.core.files import write_atomically

# The web server reads them as the group of the folder.
_MODE = 0o640


class Publisher(Protocol):
    """Lets an authority see a proof."""

    def published(self, proof: Proof) -> contextlib.AbstractAsyncContextManager[None]:
        """Publish a proof while the block runs. Raises HookFailedError."""
        ...


@dataclass(frozen=True, slots=True)
class Files:
    """Files that the web server answers at `/.well-known/acme-challenge/`, without a reload."""

    folder: Path

    async def clear(self) -> None:
        """Remove what a run that was killed has left."""
        await asyncio.to_thread(self._clear)

    def _clear(self) -> None:
        for file in self.folder.iterdir():
            file.unlink(missing_ok=True)

    @asynccontextmanager
    async def published(self, proof: Proof) -> AsyncIterator[None]:
        """Publish a proof while the block runs."""
        path = self.folder / proof.place
        await asyncio.to_thread(write_atomically, path, proof.content.encode(), mode=_MODE)
        try:
            yield
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)


@dataclass(frozen=True, slots=True)
class Records:
    """Records of the domain name system, through a program that knows where they are kept."""

    hook: Hook

    @asynccontextmanager
    async def published(self, proof: Proof) -> AsyncIterator[None]:
        """Publish a proof while the block runs. Raises HookFailedError and HookMissingError."""
        try:
            await self.hook.change(Change.PRESENT, proof.place, proof.content)
            yield
        finally:
            # A record that stays is no danger: the next proof has another content.
            with contextlib.suppress(HookFailedError):
                await self.hook.change(Change.REMOVE, proof.place, proof.content)
