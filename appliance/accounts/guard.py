"""Who may open which route: sessions, form tokens and API keys, checked in one place.

A site lists its routes as `Route` rows; a row without access cannot be written, and a test walks
all rows. What belongs to whom is checked again, object by object, in the services.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from aiohttp import hdrs, web

from appliance.accounts.errors import KeyRequiredError, RequestForgedError, ScopeMissingError
from appliance.accounts.model import Account, KeyHolder, Scope
from appliance.accounts.secrets import Secret
from appliance.accounts.service import SESSION_LASTS
from appliance.core.errors import ForbiddenError
from appliance.web import csrf
from appliance.web.errors import SignInNeededError

SESSION_COOKIE = "cloister_session"
VISITOR_COOKIE = "cloister_visitor"
_SAFE = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Access(StrEnum):
    """Who may open a route."""

    PUBLIC = "public"
    MEMBER = "member"
    OPERATOR = "operator"
    KEY = "key"


class Identity(Protocol):
    """Tells who holds a session."""

    async def person(self, token: str) -> Account | None:
        """Return who is signed in with a token."""
        ...

    async def seen(self, token: str) -> None:
        """Keep the session from ending."""
        ...


class KeyRing(Protocol):
    """Tells who holds an API key."""

    async def holder(self, secret: str) -> KeyHolder:
        """Return the holder. Raises KeyRequiredError."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """One row of a site's route table.

    `streams_form` is for uploads: the body is too large to be read before the handler runs, so
    the handler itself calls `check_form` with the token that it finds first.
    """

    method: str
    path: str
    handler: Handler
    access: Access
    scope: Scope | None = None
    streams_form: bool = False


class Guard:
    """Adds routes to an application, each behind its check."""

    def __init__(
        self, identity: Identity, keys: KeyRing | None = None, *, secure_cookies: bool = False
    ) -> None:
        self._identity = identity
        self._keys = keys
        self._secure = secure_cookies

    def add(self, app: web.Application, routes: Iterable[Route]) -> None:
        """Add every row to the application."""
        for route in routes:
            app.router.add_route(route.method, route.path, self._guarded(route))

    def _guarded(self, route: Route) -> Handler:
        check = self._check_key if route.access == Access.KEY else self._check_person

        async def guarded(request: web.Request) -> web.StreamResponse:
            await check(request, route)
            return await route.handler(request)

        return guarded

    async def _check_key(self, request: web.Request, route: Route) -> None:
        scheme, _, secret = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if self._keys is None or scheme.lower() != "bearer" or not secret.strip():
            raise KeyRequiredError
        holder = await self._keys.holder(secret.strip())
        if route.scope is not None and route.scope not in holder.scopes:
            raise ScopeMissingError(scope=route.scope)
        request["holder"] = holder

    async def _check_person(self, request: web.Request, route: Route) -> None:
        await self.recognise(request)
        account: Account | None = request["person"]
        if route.access != Access.PUBLIC and account is None:
            raise SignInNeededError
        if route.access == Access.OPERATOR and account is not None and not account.is_operator:
            raise ForbiddenError
        if request.method not in _SAFE and not route.streams_form:
            sent = request.headers.get(csrf.HEADER) or (await request.post()).get(csrf.FIELD)
            check_form(request, sent if isinstance(sent, str) else None)

    async def recognise(self, request: web.Request) -> None:
        """Put who is asking into `request["person"]`, and their form token into `["csrf"]`."""
        request["person"] = None
        session = request.cookies.get(SESSION_COOKIE)
        if session:
            request["person"] = await self._identity.person(session)
        if session and request["person"] is not None:
            if request.method == hdrs.METH_GET:
                await self._identity.seen(session)
            request["browser"] = session
        else:
            visitor = request.cookies.get(VISITOR_COOKIE)
            request["browser"] = visitor or secrets.token_urlsafe(16)
            request["new_visitor"] = not visitor
        request["csrf"] = csrf.token(request["browser"])

    async def set_visitor_cookie(self, request: web.Request, response: web.StreamResponse) -> None:
        """Name a browser that has no cookie yet: append this to `app.on_response_prepare`."""
        if request.get("new_visitor"):
            self._set_cookie(response, VISITOR_COOKIE, request["browser"])

    def open(self, response: web.StreamResponse, token: Secret) -> None:
        """Give the browser a session's cookie."""
        lasts = int(SESSION_LASTS.total_seconds())
        self._set_cookie(response, SESSION_COOKIE, token.text, max_age=lasts)

    def close(self, response: web.StreamResponse) -> None:
        """Take the session's cookie away."""
        response.del_cookie(SESSION_COOKIE)

    def _set_cookie(
        self, response: web.StreamResponse, name: str, value: str, max_age: int | None = None
    ) -> None:
        response.set_cookie(
            name, value, max_age=max_age, httponly=True, samesite="Lax", secure=self._secure
        )


def check_form(request: web.Request, sent: str | None) -> None:
    """Check the token that a form brought. Raises RequestForgedError."""
    origin = request.headers.get(hdrs.ORIGIN)
    if (
        sent is None
        or not csrf.matches(request["browser"], sent)
        or not csrf.same_origin(origin, request.host)
    ):
        raise RequestForgedError


def client_address(request: web.Request) -> str:
    """Return who connects, as Nginx tells it over the unix socket.

    Over TCP the header could be anybody's invention, so the connection's own address counts.
    """
    if request.transport is not None and request.transport.get_extra_info("peername"):
        return request.remote or ""
    return request.headers.get("X-Real-IP", "")


def person(request: web.Request) -> Account:
    """Return who is signed in, on a route that demands it."""
    account: Account | None = request["person"]
    if account is None:
        raise SignInNeededError
    return account


def holder(request: web.Request) -> KeyHolder:
    """Return whose key was presented, on a route for keys."""
    found: KeyHolder = request["holder"]
    return found
