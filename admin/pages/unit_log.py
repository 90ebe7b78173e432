"""A unit's log as it is written, and as a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from aiohttp import web

from admin import keys
from admin.page_stream import SessionCheck, waiting
from admin.pages.unit import KEPT_LINES, log_lines, matches, unit_page, wanted
from appliance.web.stream import Event, send_events

# Lines that come within this time go out as one message.
_GATHER_SECONDS = 0.1
_POLL_SECONDS = 1.0
# After so many the page starts afresh, so that a browser left open does not fill up.
_MOST_ON_PAGE = 2000
# Apart from each other, so that a question that is open stays open while the numbers move.
_BLOCKS = ("state", "actions")


async def follow_log(request: web.Request) -> web.StreamResponse:
    """GET /admin/units/{name}/log."""
    request.app[keys.UNITS].view(request.match_info["name"])
    return await send_events(request, _events(request), stopping=request.app[keys.STOPPING])


async def download_log(request: web.Request) -> web.Response:
    """GET /admin/units/{name}/log.txt: what is in memory, as plain text."""
    lines = log_lines(request, KEPT_LINES)
    name = request.app[keys.UNITS].view(request.match_info["name"]).name
    return web.Response(
        text="".join(f"{line}\n" for line in lines),
        content_type="text/plain",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.log.txt"'},
    )


async def _events(request: web.Request) -> AsyncGenerator[Event, None]:
    """Yield the whole log at first, then each new line, and the unit's state when it differs."""
    renderer, check = request.app[keys.RENDERER], SessionCheck(request)
    contains, on_page = wanted(request), _MOST_ON_PAGE + 1
    sent: dict[str, str] = {}
    async with waiting(request.app[keys.UNITS].follow(request.match_info["name"])) as wait:
        # Listening begins here, so that no line falls between the page and its stream.
        await wait(0)
        while await check.holds():
            page = unit_page(request)
            if on_page > _MOST_ON_PAGE:
                on_page = len(page.log.lines)
                yield Event("log", renderer.fragment(page.template, "lines", page))
            for block in _BLOCKS:
                text = renderer.fragment(page.template, block, page)
                if sent.get(block) != text:
                    sent[block] = text
                    yield Event(block, text)
            lines = [line for line in await _next_lines(wait) if matches(line, contains)]
            on_page += len(lines)
            if lines and on_page <= _MOST_ON_PAGE:
                yield Event("lines", "".join(renderer.row("log_line", line) for line in lines))


async def _next_lines(wait: Callable[[float], Awaitable[str | None]]) -> list[str]:
    """Return the lines of a moment; none when the unit is silent for a while."""
    line = await wait(_POLL_SECONDS)
    if line is None:
        return []
    lines = [line]
    await asyncio.sleep(_GATHER_SECONDS)
    while len(lines) < KEPT_LINES and (line := await wait(0)) is not None:
        lines.append(line)
    return lines
