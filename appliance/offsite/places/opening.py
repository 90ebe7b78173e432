"""Open the place of a target. Each kind loads its own library, and only when it is used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from appliance.offsite.model import Target, TargetKind
from appliance.offsite.places.place import Place, Readable
from appliance.repository.files import server_at


@asynccontextmanager
async def opened(target: Target) -> AsyncIterator[Place]:
    """Lend the place. Raises the errors of `appliance.offsite.errors`."""
    match target.kind:
        case TargetKind.FOLDER:
            from appliance.offsite.places.folder import FolderPlace

            yield FolderPlace(Path(target.place))
        case TargetKind.SFTP:
            from appliance.offsite.places import sftp

            async with sftp.connected(target) as place:
                yield place
        case TargetKind.REST:
            from appliance.offsite.places import rest

            async with rest.connected(target) as server:
                yield server
        case TargetKind.S3:
            from appliance.offsite.places import s3

            async with s3.connected(target) as storage:
                yield storage


@asynccontextmanager
async def readable_at(address: str) -> AsyncIterator[Readable]:
    """Lend the files of a repository at an address of restic: a folder, or a server here."""
    server = server_at(address)
    if server is None:
        from appliance.offsite.places.folder import FolderPlace

        yield FolderPlace(Path(address))
    else:
        from appliance.offsite.places import rest

        async with rest.connected_to(server) as place:
            yield place
