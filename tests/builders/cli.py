"""Verbs of the command line inside a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from appliance.cli.context import Context
from appliance.db.pool import Database


def with_database(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    """Let every verb find this database instead of the running appliance's."""

    @asynccontextmanager
    async def found(_: Context) -> AsyncIterator[Database]:
        yield database

    monkeypatch.setattr(Context, "database", found)
