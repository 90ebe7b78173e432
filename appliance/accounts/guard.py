"""Check who may open which route: sessions, form tokens and API keys, in one place.

A site lists its routes as `Route` rows. Each row states its access, and a test walks all rows. The
services check again, object by object, what belongs to whom.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from appliance.accounts.bodies import Bodies, has_left
from appliance.accounts.command_line import is_command_line, named_person
from appliance.accounts.errors import KeyRequiredError, RequestForgedError, ScopeMissingError
from appliance.accounts.lookups import Lookups
from appliance.accounts.model import Account, KeyHolder, Scope
from appliance.accounts.secrets import Secret
from appliance.accounts.service import SESSION_LASTS
from appliance.actors.errors import RescueOnlyError
from appliance.actors.model import Actor, RescueCode
from appliance.actors.permissions import Permission
from appliance.core.errors import Audience
from appliance.core.slow_callbacks import attribute_to
from appliance.shares.model import Work
from appliance.shares.service import Shares
from appliance.web import csrf, flash
from appliance.web.cookies import Cookies
from appliance.web.errors import CompressedBodyError, SignInNeededError
from appliance.web.forms import posted
from appliance.web.keys import AUDIENCE, request_key

SESSION_COOKIE = "cloister_session"
VISITOR_COOKIE = "cloister_visitor"
_DEVICE = "cloister_device"
_DEVICE_SECONDS = 365 * 24 * 3600
_VISITOR = request_key("visitor")
_HOLDER = request_key("holder")
_SAFE = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


SignedIn = Account | RescueCode


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whose request it is: `browser` is the cookie that form tokens are bound to."""

    signed_in: SignedIn | None
    browser: str = field(repr=False)
    is_new: bool

    @property
    def account(self) -> Account | None:
        """The person's account; None before they sign in, and for a rescue code."""
        return self.signed_in if isinstance(self.signed_in, Account) else None

    @property
    def csrf(self) -> str:
        """The token for this browser's forms."""
        return csrf.token(self.browser)


class Access(StrEnum):
    """Who may open a route."""

    PUBLIC = "public"
    MEMBER = "member"
    OPERATOR = "operator"
    KEY = "key"


_NEEDED: Mapping[Access, Permission] = {
    Access.MEMBER: Permission.USE_CHAT,
    Access.OPERATOR: Permission.USE_CONSOLE,
    Access.KEY: Permission.USE_CHAT,
}


class Identity(Protocol):
    """Finds the holder of a session."""

    async def person(self, token: str) -> SignedIn | None:
        """Return who is signed in with a token."""
        ...

    async def extend_session(self, token: str) -> None:
        """Keep the session from ending."""
        ...


class KeyRing(Protocol):
    """Finds the holder of an API key."""

    async def holder(self, secret: str) -> KeyHolder:
        """Return the holder. Raises KeyRequiredError."""
        ...

    async def command_line(self, name: str | None) -> KeyHolder:
        """Return the person for whom the command line acts, with every scope.

        Raises NotFoundError, NotClaimedError and SeveralOperatorsError.
        """
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """One row of a site's route table.

    `streams_body`: the body is too large to be read before the handler runs, so the handler reads
    it, and calls `check_form` with the token that it finds first. `work` is the queue
    in which the account waits for its turn; None where the handler waits by itself.
    """

    method: str
    path: str
    handler: Handler
    access: Access
    scope: Scope | None = None
    streams_body: bool = False
    work: Work | None = Work.REQUEST


class Guard:
    """Adds routes to an application, each behind its check."""

    def __init__(
        self,
        identity: Identity,
        keys: KeyRing | None = None,
        *,
        secure_cookies: bool = False,
        command_socket: Path | None = None,
        shares: Shares | None = None,
        session_lasts: Callable[[], timedelta] = lambda: SESSION_LASTS,
    ) -> None:
        """Take `shares`, in which accounts wait for their turn; without them none waits."""
        self._identity = identity
        self._keys = keys
        self._cookies = Cookies(secure=secure_cookies)
        self._command_socket = command_socket
        self._shares = shares
        self._session_lasts = session_lasts
        self._lookups = Lookups()
        self._bodies = Bodies(shares)

    def add(self, app: web.Application, routes: Iterable[Route]) -> None:
        """Add every row to the application."""
        for route in routes:
            app.router.add_route(route.method, route.path, self._guarded(route))

    def _guarded(self, route: Route) -> Handler:
        check = self._check_key if route.access == Access.KEY else self._check_person

        async def guarded(request: web.Request) -> web.StreamResponse:
            attribute_to(route.handler)
            _refuse_compressed(request)
            await check(request, route)
            async with self._turn(request, route):
                return await route.handler(request)

        return guarded

    @asynccontextmanager
    async def _turn(self, request: web.Request, route: Route) -> AsyncIterator[None]:
        """Wait until it is the account's turn, and let the next one in at the end of the block."""
        account = _account(request)
        if self._shares is None or route.work is None or account is None:
            yield
            return
        queue = self._shares[route.work]
        async with queue.turn(account.id, is_abandoned=lambda: has_left(request)):
            yield

    async def _check_key(self, request: web.Request, route: Route) -> None:
        holder = await self.key_holder(request)
        holder.account.require(_NEEDED[route.access])
        if route.scope is not None and route.scope not in holder.scopes:
            raise ScopeMissingError(scope=route.scope)
        request[_HOLDER] = holder
        if not route.streams_body:
            await self._bodies.receive(request, holder.account, client_address(request))

    def arriving(self, request: web.Request) -> AbstractAsyncContextManager[None]:
        """Count a body that the handler of a `streams_body` route reads in the block.

        Raises what `Bodies.arriving` raises.
        """
        return self._bodies.arriving(request, _account(request), client_address(request))

    async def key_holder(self, request: web.Request) -> KeyHolder:
        """Find the holder of the key that a request carries. Long work asks again.

        Raises KeyRequiredError.
        """
        scheme, _, secret = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if self._keys is not None and is_command_line(request, self._command_socket):
            request[AUDIENCE] = Audience.COMMAND_LINE
            keys, name = self._keys, named_person(request)
            return await self._lookups.ask(lambda: keys.command_line(name))
        if self._keys is None or scheme.lower() != "bearer" or not secret.strip():
            raise KeyRequiredError
        keys = self._keys
        return await self._lookups.ask(lambda: keys.holder(secret.strip()))

    async def _check_person(self, request: web.Request, route: Route) -> None:
        await self.recognise(request)
        if route.access is not Access.PUBLIC:
            permitted(request, _NEEDED[route.access])
        if request.method not in _SAFE and not route.streams_body:
            await self._bodies.receive(request, visitor(request).account, client_address(request))
            sent = request.headers.get(csrf.HEADER) or (await posted(request)).get(csrf.FIELD)
            check_form(request, sent)

    async def recognise(self, request: web.Request) -> None:
        """Find out who asks, for `visitor(request)`."""
        known = self._cookies.get(request, VISITOR_COOKIE)
        unknown = Visitor(None, known or secrets.token_urlsafe(16), is_new=not known)
        # Recorded before the database is asked, so that an error page can render its frame.
        request[_VISITOR] = unknown
        session = self.session_token(request)
        signed_in = await self._person(session) if session else None
        if session and signed_in is not None:
            if request.method == hdrs.METH_GET:
                await self._identity.extend_session(session)
            request[_VISITOR] = Visitor(signed_in, session, is_new=False)

    async def _person(self, session: str) -> SignedIn | None:
        return await self._lookups.ask(lambda: self._identity.person(session))

    @property
    def cookies(self) -> Middleware:
        """The outermost middleware: it names browsers, and drops messages that were shown."""

        @web.middleware
        async def set_cookies(request: web.Request, handler: Handler) -> web.StreamResponse:
            flash.receive(request, self._cookies)
            response = await handler(request)
            # A stream has sent its headers already; no page is one.
            if not response.prepared:
                flash.send(request, response, self._cookies)
                found: Visitor | None = request.get(_VISITOR)
                if found is not None and found.is_new:
                    self._cookies.set(response, VISITOR_COOKIE, found.browser)
            return response

        return set_cookies

    def session_token(self, request: web.Request) -> str:
        """Return the token of the browser's session, or nothing."""
        return self._cookies.get(request, SESSION_COOKIE)

    def device(self, request: web.Request) -> str:
        """Return the token by which a browser is known where people have signed in, or a new one.

        `set_session_cookie` gives it to the browser.
        """
        return self._cookies.get(request, _DEVICE) or secrets.token_urlsafe(32)

    def set_session_cookie(
        self, response: web.StreamResponse, token: Secret, device: str = ""
    ) -> None:
        """Give the browser a session's cookie, and that of the device if there is one."""
        lasts = int(self._session_lasts().total_seconds())
        self._cookies.set(response, SESSION_COOKIE, token.text, max_age=lasts)
        if device:
            self._cookies.set(response, _DEVICE, device, max_age=_DEVICE_SECONDS)

    def clear_session_cookie(self, response: web.StreamResponse) -> None:
        """Remove the session's cookie from the browser; the browser stays known."""
        self._cookies.clear(response, SESSION_COOKIE)


def _refuse_compressed(request: web.Request) -> None:
    """Refuse a compressed body: the server does not decompress it, and no handler should."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() != "identity":
        raise CompressedBodyError


def _account(request: web.Request) -> Account | None:
    """Return the account of a session or a key, if there is one."""
    key: KeyHolder | None = request.get(_HOLDER)
    return visitor(request).account if key is None else key.account


def visitor(request: web.Request) -> Visitor:
    """Return who asks, on any route; before a route was found, an unknown browser."""
    found: Visitor = request.get(_VISITOR, Visitor(None, "", is_new=False))
    return found


def check_form(request: web.Request, sent: str | None) -> None:
    """Check the token that a form brought. Raises RequestForgedError."""
    origin = request.headers.get(hdrs.ORIGIN)
    if (
        sent is None
        or not csrf.matches(visitor(request).browser, sent)
        or not csrf.same_origin(origin, request.host)
    ):
        raise RequestForgedError


def client_address(request: web.Request) -> str:
    """Return the client's address, which Nginx sends in a header over the unix socket.

    Over TCP a client could invent the header, so the address of the connection counts.
    """
    if request.transport is not None and request.transport.get_extra_info("peername"):
        return request.remote or ""
    return request.headers.get("X-Real-IP", "")


def permitted(request: web.Request, permission: Permission) -> Actor:
    """Return who acts, if they have the permission.

    Raises SignInNeededError, ForbiddenError, RescueOnlyError.
    """
    actor = visitor(request).signed_in
    if actor is None:
        raise SignInNeededError
    actor.require(permission)
    return actor


def person(request: web.Request) -> Account:
    """Return the account of the person who asks, on a route that demands one.

    Raises SignInNeededError; RescueOnlyError for a rescue code, which has no account.
    """
    match visitor(request).signed_in:
        case None:
            raise SignInNeededError
        case RescueCode():
            raise RescueOnlyError
        case account:
            return account


def holder(request: web.Request) -> KeyHolder:
    """Return whose key was presented, on a route for keys."""
    found: KeyHolder = request[_HOLDER]
    return found
