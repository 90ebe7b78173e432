"""Say what a restore of everything would do, before anything is written."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import datetime

import psycopg

from appliance.core.files import free_in
from appliance.core.settings import Settings
from appliance.operations.model import Facts
from appliance.restore.build import installed
from appliance.restore.documents import missing_here
from appliance.restore.everything import live
from appliance.restore.fetch import read_manifest, require_known, size_of_dump
from appliance.restore.model import Chosen, described
from appliance.restore.room import needed_for
from appliance.restore.source import Source
from appliance.restore.store import Contents, RestoreStore


async def preview(settings: Settings, source: Source, chosen: Chosen) -> Facts:
    """Return the present and the restored state, and the room that is needed.

    `now` is None while the database does not answer: then nothing is known of it, and keys that
    were ended since the set was made would be valid again (`keys_stay_ended`). Raises the errors
    with which a restore would refuse the set.
    """
    program = await installed(settings)
    dump = 0
    for snapshot in filter(None, (chosen.state, chosen.derived)):
        require_known(snapshot, program)
        dump += await size_of_dump(source, snapshot)
    manifest = await read_manifest(source, chosen.state)
    missing = await asyncio.to_thread(missing_here, settings, manifest.documents)
    now = await _now(settings, chosen.state.taken_at)
    return {
        "then": described(chosen.state),
        "derived_from": described(chosen.derived) if chosen.derived else None,
        "now": _plain(now) if now else None,
        "gone": _gone(now) if now else None,
        "documents_to_add": len(missing),
        "room": needed_for(dump, sum(missing.values())),
        "free": await asyncio.to_thread(free_in, settings.database.parent),
        "models": [model.name for model in manifest.models],
        "keys_stay_ended": now is not None and now.people > 0,
        "sessions_restored": False,
    }


async def _now(settings: Settings, taken_at: datetime) -> Contents | None:
    try:
        async with live(settings) as connection:
            return await RestoreStore(connection).contents(taken_at)
    except psycopg.Error:
        return None


def _gone(now: Contents) -> Facts:
    """Return how much is newer than the state: it would be there no more."""
    return {
        "people": now.new_people,
        "documents": now.new_documents,
        "conversations": now.new_conversations,
        "messages": now.new_messages,
    }


def _plain(now: Contents) -> Facts:
    return {name: value for name, value in asdict(now).items() if not name.startswith("new_")}
