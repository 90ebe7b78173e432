"""Write `appliance/db/schema_objects.list`: what a database has after all migrations.

`make schema` runs this after a change of the schema.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from appliance.db import schema_objects
from appliance.db.migrate import migrate
from appliance.db.pool import Database, conninfo
from appliance.db.roles import create_database, install_extension
from tests.postgres import running_server, scratch_folder


async def _objects(socket: Path) -> frozenset[str]:
    await create_database(conninfo(socket, "cloister", database="postgres"))
    address = conninfo(socket, "cloister")
    await install_extension(address)
    await migrate(address)
    async with Database(address) as database:
        return await schema_objects.found_objects(database)


def main() -> None:
    """Migrate an empty database of a server of our own, and list what it has."""
    with scratch_folder("cloister-schema-") as folder, running_server(folder) as server:
        found = asyncio.run(_objects(server.socket))
    path = Path(schema_objects.__file__).with_name(schema_objects.FILE)
    path.write_text("".join(f"{line}\n" for line in sorted(found)))
    print(f"{path}: {len(found)} objects")


if __name__ == "__main__":
    main()
