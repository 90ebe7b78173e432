"""Connections to the model runner, of which a cancelled request leaves none behind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
from typing_extensions import override

from appliance.core.deadline import carry_through


class Network(httpx.AsyncHTTPTransport):
    """httpx's own transport, made safe against cancellation in two moments.

    1. A request that is cancelled after its connection was opened, and before it sent anything,
       leaves the connection open: it is neither idle nor closed, so no other request gets it.
    2. An answer that is cancelled while it is closed is never closed, and the model may write on.
    """

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await super().handle_async_request(request)
        except BaseException:
            await carry_through(self._close_forgotten())
            raise
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _ClosedForSure(response.stream)
        return response

    async def _close_forgotten(self) -> None:
        pool = self._pool
        # The pool has no public way to find them.
        in_use = [each.connection for each in pool._requests]  # noqa: SLF001
        for connection in pool.connections:
            is_live = not connection.is_idle() and not connection.is_closed()
            if is_live and connection not in in_use:
                await connection.aclose()


class _ClosedForSure(httpx.AsyncByteStream):
    """A stream whose closing no cancellation interrupts."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    @override
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._stream.__aiter__()

    @override
    async def aclose(self) -> None:
        await carry_through(self._stream.aclose())
