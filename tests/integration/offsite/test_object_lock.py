"""Storage with object lock forbids deletion, and takes copies all the same."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import boto3

from appliance.offsite.model import Protection
from tests.builders.offsite import Machine, rest_target, restic, s3_target
from tests.fakes.offsite import PASSWORD, USER, locking_s3_server, rest_server


async def test_it_is_recognised_and_copied_to(
    home: Machine, servers: ExitStack, tmp_path: Path
) -> None:
    server = servers.enter_context(locking_s3_server(tmp_path / "server"))
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name="us-east-1",
        aws_access_key_id=USER,
        aws_secret_access_key=PASSWORD,
    )
    client.create_bucket(Bucket="copies", ObjectLockEnabledForBucket=True)
    rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}}
    client.put_object_lock_configuration(
        Bucket="copies",
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
    )
    home.set_up(s3_target(server))
    home.back_up()
    assert (await home.do("probe"))["protection"] == Protection.OBJECT_LOCK
    # Only one file of the tries stays, however often it is tried.
    assert (await home.do("probe"))["protection"] == Protection.OBJECT_LOCK
    found = await home.do("copy")
    listed = client.list_objects_v2(Bucket="copies", Prefix="machine/")["Contents"]
    assert len(listed) == found["sent_files"] + 1
    assert (await home.do("copy"))["sent_files"] == 0
    assert (await home.state()).protection is Protection.OBJECT_LOCK


async def test_a_server_that_only_adds_is_recognised(
    home: Machine, servers: ExitStack, tmp_path: Path
) -> None:

    server = servers.enter_context(rest_server(tmp_path / "rest", "--append-only"))
    home.set_up(rest_target(server))
    home.back_up()
    for _ in range(2):
        assert (await home.do("probe"))["protection"] == Protection.APPEND_ONLY
        assert (await home.do("copy"))["complete"]
    # The file of the try is no damage for restic.
    assert "no errors were found" in restic(server.folder / "copy", "check", "--read-data")
