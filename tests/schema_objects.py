"""Write `appliance/db/schema_objects.list`: what a database has after all migrations.

`make schema` runs this after a change of the schema.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from appliance.db import schema_objects
from appliance.db.pool import Database
from tests.postgres import Server, running_server, scratch_folder


async def _objects(server: Server) -> frozenset[str]:
    async with Database(await server.make_database()) as database:
        return await schema_objects.found_objects(database)


def main() -> None:
    """Migrate an empty database of a server of our own, and list what it has."""
    with scratch_folder("cloister-schema-") as folder, running_server(folder) as server:
        found = asyncio.run(_objects(server))
    path = Path(schema_objects.__file__).with_name(schema_objects.FILE)
    path.write_text("".join(f"{line}\n" for line in sorted(found)))
    print(f"{path}: {len(found)} objects")


if __name__ == "__main__":
    main()
