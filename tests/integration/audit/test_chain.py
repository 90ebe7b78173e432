"""A changed, missing, exchanged, added or cut off entry is found in the real database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import LiteralString

import pytest

from appliance.audit.anchor import OWN, Anchor, AnchorFile
from appliance.audit.chain import Finding, Problem
from appliance.audit.store import ChainStore
from appliance.audit.verification import Verifier
from appliance.core.clock import SystemClock
from appliance.db.pool import Database
from appliance.repository import catalog
from tests.builders.audit import add_rows, tampering, verified
from tests.builders.backup_facts import verified_set
from tests.fakes.clock import START


async def keep_anchor(database: Database, state: Path) -> Anchor:
    """Anchor the end of the chain as the supervisor does."""
    async with database.connection() as connection:
        anchor = Anchor(await ChainStore(connection).end(), START, OWN)
    AnchorFile(state).write(anchor)
    return anchor


async def tamper(database: Database, *statements: LiteralString) -> None:
    async with tampering(database) as connection:
        for statement in statements:
            await connection.execute(statement)


async def test_an_untouched_audit_is_whole(database: Database, tmp_path: Path) -> None:
    assert (await verified(database, tmp_path)).entries == 0
    await add_rows(database, 2_500)
    await keep_anchor(database, tmp_path)
    report = await verified(database, tmp_path)
    assert report.is_whole
    assert (report.entries, report.first_position, report.last_position) == (2_500, 1, 2_500)
    assert report.anchors == 1


@pytest.mark.parametrize(
    ("statements", "finding"),
    [
        (
            ("UPDATE core.audit SET actor = 'bob' WHERE id = 1200",),
            Finding(Problem.CHANGED, 1200, 1200),
        ),
        (
            ("UPDATE core.audit SET at = at - interval '1 microsecond' WHERE id = 3",),
            Finding(Problem.CHANGED, 3, 3),
        ),
        (
            ("""UPDATE core.audit SET detail = '{"address": "::1"}' WHERE id = 7""",),
            Finding(Problem.CHANGED, 7, 7),
        ),
        (
            ("UPDATE core.audit_link SET hash = sha256('x') WHERE position = 4",),
            Finding(Problem.CHANGED, 4, 4),
        ),
        (("DELETE FROM core.audit WHERE id = 5",), Finding(Problem.MISSING, 5, 5)),
        (
            (
                "DELETE FROM core.audit WHERE id IN (5, 6)",
                "DELETE FROM core.audit_link WHERE position IN (5, 6)",
            ),
            Finding(Problem.MISSING, 5, None, 2),
        ),
        (
            (
                "UPDATE core.audit_link SET entry_id = -8 WHERE position = 8",
                "UPDATE core.audit_link SET entry_id = 8 WHERE position = 900",
                "UPDATE core.audit_link SET entry_id = 900 WHERE position = 8",
            ),
            Finding(Problem.REORDERED, 8, 900),
        ),
        (
            (
                """
                UPDATE core.audit a SET at = b.at, actor = b.actor, action = b.action,
                    object = b.object, object_type = b.object_type, object_id = b.object_id
                FROM core.audit b WHERE (a.id, b.id) IN ((10, 1100), (1100, 10))
                """,
            ),
            Finding(Problem.REORDERED, 10, 10),
        ),
        (
            ("INSERT INTO core.audit (actor, action) VALUES ('olga', 'person.lock')",),
            Finding(Problem.ADDED, None, 1201),
        ),
        (
            ("UPDATE core.audit_start SET position = 0, hash = sha256('x')",),
            Finding(Problem.CHANGED, 1, 1),
        ),
        (
            (
                "DELETE FROM core.audit WHERE id <= 20",
                "DELETE FROM core.audit_link WHERE position <= 19",
                """
                UPDATE core.audit_start SET position = 20,
                    hash = (SELECT hash FROM core.audit_link WHERE position = 20)
                """,
                "DELETE FROM core.audit_link WHERE position = 20",
            ),
            Finding(Problem.START, 21),
        ),
    ],
)
async def test_the_first_fault_is_named(
    database: Database, tmp_path: Path, statements: tuple[LiteralString, ...], finding: Finding
) -> None:
    await add_rows(database, 1_200)
    await tamper(database, *statements)
    report = await verified(database, tmp_path)
    assert report.finding == finding
    assert not report.is_whole


async def test_each_fault_is_counted_and_the_first_says_what_is_there_now(
    database: Database, tmp_path: Path
) -> None:
    await add_rows(database, 30)
    await tamper(database, "UPDATE core.audit SET actor = 'bob' WHERE id IN (11, 20, 21)")
    report = await verified(database, tmp_path)
    assert (report.finding, report.faults) == (Finding(Problem.CHANGED, 11, 11), 3)
    assert report.entry == {"actor": "bob", "action": "person.lock", "object": "object 11"}


CUT = (
    "DELETE FROM core.audit WHERE id > 15",
    "DELETE FROM core.audit_link WHERE position > 15",
)
# What the owner of the database can do: change an entry, and compute all links again.
REWRITE = (
    "UPDATE core.audit SET actor = 'bob' WHERE id = 12",
    "DELETE FROM core.audit_link",
    """
    DO $$ DECLARE entry core.audit; latest bytea := (SELECT hash FROM core.audit_start);
        place bigint := 0;
    BEGIN
        FOR entry IN SELECT * FROM core.audit ORDER BY id LOOP
            place := place + 1;
            latest := core.audit_hash(latest, entry);
            INSERT INTO core.audit_link VALUES (place, entry.id, latest);
        END LOOP;
    END $$
    """,
)


@pytest.mark.parametrize("statements", [CUT, REWRITE], ids=["cut", "rewritten"])
async def test_a_chain_that_was_made_to_fit_shows_nothing_by_itself(
    database: Database, tmp_path: Path, statements: tuple[LiteralString, ...]
) -> None:
    await add_rows(database, 20)
    await tamper(database, *statements)
    assert (await verified(database, tmp_path)).is_whole


@pytest.mark.parametrize(
    ("statements", "finding"),
    [(CUT, Finding(Problem.CUT, 16, None, 5)), (REWRITE, Finding(Problem.REWRITTEN, 20))],
    ids=["cut", "rewritten"],
)
@pytest.mark.parametrize("place", [OWN, "backup"])
async def test_an_anchor_outside_of_the_database_shows_it(
    database: Database,
    tmp_path: Path,
    place: str,
    statements: tuple[LiteralString, ...],
    finding: Finding,
) -> None:
    await add_rows(database, 20)
    anchor = await keep_anchor(database, tmp_path)
    published = tmp_path / catalog.FILE
    if place != OWN:
        (tmp_path / "audit-anchors.json").unlink()
        saved = verified_set(START)
        saved = replace(saved, content=replace(saved.content, audit=anchor.end.as_text()))
        catalog.write(published, catalog.Catalog("id", START, 1, (saved,)))
    await tamper(database, *statements)
    await add_rows(database, 2)
    if finding.problem is Problem.CUT:
        # Two entries were added since, at places that the anchor knows otherwise.
        finding = Finding(Problem.CUT, 18, None, 3)
    report = await Verifier(database, tmp_path, published, SystemClock()).verify()
    assert report.finding == finding
    assert report.anchor is not None
    assert report.anchor.source.startswith(place)


async def test_an_entry_that_an_anchor_saw_last_may_be_followed_by_others(
    database: Database, tmp_path: Path
) -> None:
    await add_rows(database, 20)
    await keep_anchor(database, tmp_path)
    await add_rows(database, 20)
    assert (await verified(database, tmp_path)).is_whole


async def test_an_anchor_of_another_database_says_nothing(
    database: Database, tmp_path: Path
) -> None:
    await add_rows(database, 20)
    anchor = await keep_anchor(database, tmp_path)
    text = (tmp_path / "audit-anchors.json").read_text()
    (tmp_path / "audit-anchors.json").write_text(text.replace(anchor.end.cluster, "17"))
    await tamper(database, *CUT)
    report = await verified(database, tmp_path)
    assert (report.is_whole, report.anchors) == (True, 0)
