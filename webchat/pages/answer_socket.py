"""Follow an answer while it is written: a WebSocket that sends HTML fragments to swap in.

It begins with the whole state, so that a page can reconnect at any time; then it sends changes. A
page gets the newest state after it has taken the last one: a slow page skips states and delays no
other. At the end it sends the whole message as a reload would show it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from aiohttp import WSCloseCode, hdrs, web
from markupsafe import Markup

from appliance.accounts.errors import RequestForgedError
from appliance.accounts.guard import person, visitor
from appliance.accounts.model import Account
from appliance.answering.live_answer import LiveAnswer
from appliance.answering.subscriptions import Disconnect
from appliance.core.errors import ApplianceError, NotFoundError
from appliance.web import csrf
from appliance.web.paths import identifier
from webchat import keys
from webchat.pages.answer_html import AnswerHtml
from webchat.pages.answer_view import message_view

_LOG = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 20.0
POLL_SECONDS = 1.0
# Pages send nothing; a large message comes from another client.
LARGEST_MESSAGE = 4096


async def answer_socket(request: web.Request) -> web.WebSocketResponse:
    """GET /ws/{worker}/answers/{id}: Nginx sends it to the process that writes the answer."""
    # Browsers send cookies with every WebSocket, whichever site opens it.
    if not csrf.same_origin(request.headers.get(hdrs.ORIGIN), request.host):
        raise RequestForgedError
    with request.app[keys.ANSWERING].subscriptions.subscribe(person(request).id) as disconnect:
        # Again: a session that ended before this moment causes no further notice.
        await request.app[keys.GUARD].recognise(request)
        reader = person(request)
        message = await request.app[keys.CONVERSATIONS].message(reader, identifier(request))
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_SECONDS, max_msg_size=LARGEST_MESSAGE, compress=False
        )
        await socket.prepare(request)
        await AnswerSocket(request, socket, reader, message.id).run(disconnect)
    return socket


@dataclass(frozen=True, slots=True)
class Sent:
    """What a page has of an answer: the number of blocks, the rest, the plain text behind it."""

    version: int
    blocks: int
    edition: int
    fresh: int

    @classmethod
    def of(cls, answer: AnswerHtml) -> Self:
        """Return what a page has that was sent the state of now."""
        return cls(answer.version, len(answer.blocks), answer.edition, len(answer.fresh))


class AnswerSocket:
    """One open socket of a page that shows the answer."""

    def __init__(
        self, request: web.Request, socket: web.WebSocketResponse, reader: Account, answer_id: UUID
    ) -> None:
        self._app = request.app
        self._csrf = visitor(request).csrf
        self._socket = socket
        self._reader = reader
        self._id = answer_id
        self._code = WSCloseCode.OK

    async def run(self, disconnect: Disconnect) -> None:
        """Send until the answer ends, the browser goes away, or a disconnect is requested."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = (
                    group.create_task(self._send(), name="answer socket: send"),
                    group.create_task(self._receive(), name="answer socket: receive"),
                    group.create_task(disconnect.wait(), name="answer socket: disconnect"),
                )
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
        except* ConnectionError:
            # The browser has gone. The answer is still written to its end.
            pass
        # If the browser has gone, this does nothing.
        await self._socket.close(code=_close_code(disconnect) or self._code)

    async def _receive(self) -> None:
        """Receive messages, which is how aiohttp handles pongs and the closing of the socket."""
        async for _ in self._socket:
            pass

    async def _send(self) -> None:
        try:
            live = self._app[keys.ANSWERING].live(self._id)
            if live is not None:
                await self._follow(live)
            await self._send_final()
        except NotFoundError as error:
            # Deleted in another window: the page must not reconnect.
            self._code = WSCloseCode.POLICY_VIOLATION
            await self._socket.send_str(self._row("answer_gone", error.message, error.advice))
        except ApplianceError as error:
            _LOG.warning("an answer cannot be shown at the moment: %s", error)
            self._code = WSCloseCode.SERVICE_RESTART

    async def _follow(self, live: LiveAnswer) -> None:
        clock, markdown = self._app[keys.CLOCK], self._app[keys.MARKDOWN]
        answer = live.shared(lambda live: AnswerHtml(live, clock, markdown))
        await answer.up_to_date()
        sent = Sent.of(answer)
        await self._socket.send_str(self._snapshot(answer))
        while True:
            await live.changed_since(sent.version)
            if live.has_ended:
                return
            await answer.up_to_date()
            before, sent = sent, Sent.of(answer)
            await self._socket.send_str(self._change(before, answer))

    async def _send_final(self) -> None:
        """Send the message as the database has it; wait if another process still writes it."""
        conversations = self._app[keys.CONVERSATIONS]
        while not (message := await conversations.message(self._reader, self._id)).is_finished:
            await self._app[keys.CLOCK].sleep(POLL_SECONDS)
        citations = await conversations.citations(self._reader, self._id)
        view = message_view(await conversations.as_html(message), citations)
        replaces = True
        row = self._app[keys.RENDERER].row("message", view, self._csrf, replaces)
        await self._socket.send_str(row)

    def _snapshot(self, answer: AnswerHtml) -> str:
        """Return the whole state, which replaces the blocks of the page."""
        blocks = Markup('<div id="blocks-{}" class="prose blocks" hx-swap-oob="true">{}</div>')
        # As plain text: Markup would escape the text that is added to it.
        state = str(blocks.format(self._id, Markup().join(answer.blocks)))
        return state + self._tail(answer) + self._status(answer)

    def _change(self, sent: Sent, answer: AnswerHtml) -> str:
        """Return the changes since what was sent."""
        blocks = answer.blocks[sent.blocks :]
        change = self._row("answer_blocks", Markup().join(blocks)) if blocks else ""
        if answer.edition != sent.edition:
            change += self._tail(answer)
        elif fresh := answer.fresh[sent.fresh :]:
            change += self._row("answer_fresh", fresh)
        return change + self._status(answer)

    def _tail(self, answer: AnswerHtml) -> str:
        return self._row("answer_tail", answer.tail, answer.fresh)

    def _status(self, answer: AnswerHtml) -> str:
        replaces = True
        return self._row("answer_status", answer.status, replaces)

    def _row(self, name: str, *arguments: object) -> str:
        return self._app[keys.RENDERER].row(name, self._id, *arguments)


def _close_code(disconnect: Disconnect) -> WSCloseCode | None:
    """Return the code of a requested disconnect; the page reads from it whether to reconnect."""
    if not disconnect.is_requested:
        return None
    if disconnect.may_reconnect:
        return WSCloseCode.SERVICE_RESTART
    return WSCloseCode.POLICY_VIOLATION
