"""A connection to PostgreSQL on which no wait lasts longer than agreed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import TupleRow
from typing_extensions import override

# How long a server may take to end a statement whose caller was cancelled.
CANCEL_SECONDS = 1.0


class BoundedConnection(AsyncConnection[TupleRow]):
    """A connection whose socket can be shut down at a set time.

    Cancelling the task that waits for a server is not enough: psycopg then asks the server to end
    the statement and waits for its answer, which a server that hangs never gives. A socket that is
    shut down ends every wait at once, with psycopg's error for a lost connection.
    """

    _timer: asyncio.TimerHandle | None = None

    def shut_down_in(self, seconds: float) -> None:
        """Shut the socket down after so many seconds, or at the earlier time set before."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        if self._timer is not None:
            end = min(end, self._timer.when())
            self._timer.cancel()
        self._timer = loop.call_at(end, self._shut_down)

    def keep_open(self) -> None:
        """Forget the time that was set."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def is_reusable(self) -> bool:
        """Whether the next statement begins as on a new connection: nothing runs, nothing is open.

        A connection in pipeline mode seems idle, and answers plain statements without their rows.
        """
        state = self.pgconn
        return (
            state.transaction_status == TransactionStatus.IDLE
            and state.pipeline_status == PipelineStatus.OFF
        )

    @override
    async def cancel_safe(self, *, timeout: float = CANCEL_SECONDS) -> None:
        """Ask the server to end the running statement; give up the connection if it does not.

        psycopg calls this when the task that waits for a statement is cancelled.
        """
        self.shut_down_in(CANCEL_SECONDS)
        async with asyncio.timeout(CANCEL_SECONDS):
            await super().cancel_safe(timeout=timeout)

    def _shut_down(self) -> None:
        # A second descriptor of the same socket: libpq goes on to own the first.
        with (
            contextlib.suppress(OSError, psycopg.OperationalError),
            socket.socket(fileno=os.dup(self.fileno())) as same,
        ):
            same.shutdown(socket.SHUT_RDWR)
