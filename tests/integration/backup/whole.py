"""Whether every snapshot that is listed can be restored to what its manifest promises."""

from __future__ import annotations

from appliance.backup.layout import DATABASE, MANIFEST, STAGES
from appliance.backup.manifest import Manifest
from appliance.repository.place import own_repository
from tests.builders.backups import BackedUp


async def assert_each_snapshot_is_whole(home: BackedUp, *, forged: tuple[str, ...] = ()) -> int:
    """Compare the files of each listed snapshot with its manifest; return how many there are."""
    repository = own_repository(home.settings)
    await repository.check("100%")
    listed = [one for one in (await home.catalog()).snapshots if one.id not in forged]
    for one in listed:
        stage = f"/{STAGES[one.kind]}"
        manifest = Manifest.parse((await repository.read(one.id, f"{stage}/{MANIFEST}")).decode())
        files = await repository.files(one.id)
        assert {f"{stage}/{DATABASE}/{name}" for name in manifest.files} <= set(files)
        for digest, size in manifest.documents.items():
            assert files[f"/documents/{digest[:2]}/{digest}"] == size
    return len(listed)
