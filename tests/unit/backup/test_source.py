"""What PostgreSQL says is told apart: damaged, ended, or unable to answer."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from appliance.backup.errors import DatabaseDamagedError, DumpBrokenOffError, DumpFailedError
from appliance.backup.source import fault_of


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.DataCorrupted("invalid page in block 7"), DatabaseDamagedError),
        (errors.IndexCorrupted("wrong tuple"), DatabaseDamagedError),
        (errors.AdminShutdown("terminating connection"), DumpBrokenOffError),
        (errors.CrashShutdown("terminating connection"), DumpBrokenOffError),
        (errors.ConnectionFailure("lost"), DumpBrokenOffError),
        (psycopg.OperationalError("consuming input failed"), DumpBrokenOffError),
        (errors.LockNotAvailable("a table is locked"), DumpFailedError),
        (errors.DiskFull("no space for a temporary file"), DumpFailedError),
        (errors.QueryCanceled("statement timeout"), DumpFailedError),
    ],
)
def test_each_fault_is_named(error: psycopg.Error, expected: type[Exception]) -> None:
    fault = fault_of(error)
    assert type(fault) is expected
    if expected is not DumpBrokenOffError:
        assert str(error) in fault.message
