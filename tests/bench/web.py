"""Questions as a browser asks them: a form, the page of the conversation, a WebSocket."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import cycle

import aiohttp
from yarl import URL

from appliance.accounts.guard import SESSION_COOKIE, VISITOR_COOKIE
from appliance.web import csrf
from tests.bench.first_token import Answered

PASSWORD = "a long password for one run"
_SOCKET = re.compile(r'"(/ws/\d+/answers/[0-9a-f-]{36})"')
# The words of an answer that is being written stand in its tail.
_WRITTEN = re.compile(r'id="tail-[^>]*>\s*(?:<[^/][^>]*>\s*)*[^<\s]')


@dataclass(frozen=True, slots=True)
class Browser:
    """A signed-in session; all users of a load share the account."""

    session: aiohttp.ClientSession
    address: str
    questions: Iterator[str]

    async def ask(self) -> Answered:
        """Ask in a new conversation, open its page, and watch the answer."""
        begin = time.perf_counter()
        path = await self._start(next(self.questions))
        async with self.session.get(f"{self.address}{path}") as page:
            page.raise_for_status()
            found = _SOCKET.search(await page.text())
        if found is None:
            message = "the page of a new question has no socket"
            raise RuntimeError(message)
        first = None
        async with self.session.ws_connect(f"{self.address}{found[1]}", max_msg_size=0) as socket:
            async for news in socket:
                if first is None and _WRITTEN.search(news.data):
                    first = time.perf_counter()
        if first is None:
            message = "an answer ended before its first word was shown"
            raise RuntimeError(message)
        return Answered(first - begin, time.perf_counter() - begin)

    async def _start(self, question: str) -> str:
        headers = {csrf.HEADER: csrf.token(self.cookie(SESSION_COOKIE)), "HX-Request": "true"}
        url = f"{self.address}/conversations"
        async with self.session.post(url, data={"question": question}, headers=headers) as answer:
            answer.raise_for_status()
            return answer.headers["HX-Redirect"]

    def cookie(self, name: str) -> str:
        """Return a cookie's value."""
        return self.session.cookie_jar.filter_cookies(URL(self.address))[name].value


@asynccontextmanager
async def signed_in(address: str, link: str, questions: list[str]) -> AsyncIterator[Browser]:
    """Set the password of a new account with its link, which signs the browser in."""
    # Cookies of an address without a name are kept by clients that are told to.
    jar = aiohttp.CookieJar(unsafe=True)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as session:
        browser = Browser(session, address, cycle(questions))
        async with session.get(f"{address}/password") as page:
            page.raise_for_status()
        form = {
            csrf.FIELD: csrf.token(browser.cookie(VISITOR_COOKIE)),
            "code": link.rpartition("#")[2],
            "password": PASSWORD,
        }
        url = f"{address}/password"
        async with session.post(url, data=form, allow_redirects=False) as answer:
            if answer.status != HTTPStatus.SEE_OTHER:
                message = f"the password was not set: {answer.status}"
                raise RuntimeError(message)
        yield browser
