"""Answer errors with a page, a part of a page, or JSON, in words for the audience that reads it.

Only an ApplianceError has words for its audience. Any other exception is a defect: its traceback
goes to the log under a request number, and the answer contains only that number.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

from aiohttp import hdrs, web

from appliance.core.errors import (
    ApplianceError,
    Audience,
    ForbiddenError,
    InternalError,
    NotFoundError,
    Words,
)
from appliance.core.log import numbered_request, request_number
from appliance.web.keys import AUDIENCE, request_key
from appliance.web.render import wants_fragment

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from appliance.web.render import Frame, Renderer

_LOG = logging.getLogger(__name__)
_SERVER_ERROR = HTTPStatus.INTERNAL_SERVER_ERROR
_STARTED = request_key("started")
# A client that repeats a refused request without a pause cannot do it more often than this.
REFUSAL_SECONDS = 0.5

Framing = Callable[[web.Request, str], "Frame"]
"""Makes the frame of an error page from the request and a title; it may raise."""


class UnknownAddressError(NotFoundError):
    """No route has this address, or its id cannot be one."""

    sentence = "There is no such page."
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.PROGRAM: Words(
            "There is no such address.",
            "Check the path and the id against the API reference in Cloister's documentation.",
        ),
        Audience.COMMAND_LINE: Words(
            "Cloister has nothing with this id or name.",
            "Take one from a list, such as “cloister job list” or “cloister status” prints.",
        ),
    }


class WrongMethodError(ApplianceError):
    """The address exists, but not for this method."""

    code = "method_not_allowed"
    status = HTTPStatus.METHOD_NOT_ALLOWED
    sentence = "This address does not do that."
    hint = "Go back and use the page's own buttons and links."
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.PROGRAM: Words(
            "This address does not take requests with this method.",
            "Use one of the methods that the response header Allow names.",
        ),
    }


class TooLargeError(ApplianceError):
    """The body is larger than the application takes."""

    code = "too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    sentence = "That is larger than Cloister takes."
    hint = "Nothing was saved. Send less at once."


class BodyTooSlowError(ApplianceError):
    """The body did not arrive in time. Facts: `seconds`."""

    code = "body_too_slow"
    status = HTTPStatus.REQUEST_TIMEOUT
    sentence = "The request did not arrive within {seconds} seconds."
    hint = "Nothing was saved. Check the connection, and send it again."


class CompressedBodyError(ApplianceError):
    """The body is compressed: a kilobyte of it may expand to gigabytes."""

    code = "compressed_body"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    sentence = "The request is compressed, and Cloister does not decompress requests."
    hint = "Send it again without Content-Encoding."


class SignInNeededError(ApplianceError):
    """The request has no valid session."""

    code = "sign_in_needed"
    status = HTTPStatus.UNAUTHORIZED
    sentence = "You are not signed in."
    hint = "Sign in and try again."


class BadRequestError(ApplianceError):
    """The request itself cannot be understood."""

    code = "bad_request"
    sentence = "Cloister could not understand that request."
    hint = "Reload the page and try again."
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.PROGRAM: Words(
            "Cloister could not understand that request.",
            "Check its body and its headers, and send it again.",
        ),
    }


class NumberedInternalError(InternalError):
    """A defect: the log has its traceback under the same number. Facts: `request_id`."""

    hint = "Try again. If it goes on, tell the operator the number {request_id}."


_ERRORS: dict[int, type[ApplianceError]] = {
    HTTPStatus.UNAUTHORIZED: SignInNeededError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.NOT_FOUND: UnknownAddressError,
    HTTPStatus.METHOD_NOT_ALLOWED: WrongMethodError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLargeError,
}


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What `error.html` shows; `may_pass`: opening the same address again may help."""

    template: ClassVar[str] = "error.html"

    frame: Frame
    status: int
    sentence: str
    hint: str
    may_pass: bool


@dataclass(frozen=True, slots=True)
class ErrorToast:
    """What `error_toast.html` shows."""

    template: ClassVar[str] = "error_toast.html"

    sentence: str
    hint: str


class ErrorAnswers:
    """The outermost middleware of a site: `app.middlewares.append(answers.middleware)` first.

    Also append `remember_start` to `app.on_response_prepare`: an answer that has begun cannot be
    replaced by another, so its connection is closed instead.
    """

    def __init__(
        self,
        renderer: Renderer,
        frame: Framing,
        bare_frame: Framing,
        audience: Audience = Audience.MEMBER,
    ) -> None:
        """Take `bare_frame`, which cannot fail, for when `frame` does (the database is down).

        `audience` reads the pages of this site.
        """
        self._audience = audience
        self._renderer = renderer
        self._frame = frame
        self._bare_frame = bare_frame

    @property
    def middleware(self) -> Middleware:
        """What to put into `app.middlewares`."""

        @web.middleware
        async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
            # Each log line of the request has its number, and so has the page of a defect.
            with numbered_request():
                return await self._handle(request, handler)

        return answer_errors

    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ConnectionResetError as error:
            raise _without_traceback(error) from None
        except web.HTTPException as error:
            if error.status < HTTPStatus.BAD_REQUEST:
                raise
            return self.answer(request, _translate(error), error.headers.get("Allow"))
        except Exception as error:
            if isinstance(error, ConnectionError) and _has_left(request):
                raise _without_traceback(error) from None
            if request.get(_STARTED):
                _LOG.exception("%s %s failed after its answer began", request.method, request.path)
                raise
            shown = _appliance_error(request, error)
            if shown.status == HTTPStatus.TOO_MANY_REQUESTS:
                await asyncio.sleep(REFUSAL_SECONDS)
            return self.answer(request, shown)

    def answer(
        self,
        request: web.Request,
        error: ApplianceError,
        allow: str | None = None,
    ) -> web.Response:
        """Answer with an error in the form that the client reads."""
        audience = request.get(AUDIENCE, Audience.PROGRAM)
        if request.path.startswith(("/api/", "/admin/api/")):
            body: dict[str, object] = {"error": error.as_json(audience)}
            response = web.json_response(body, status=error.status)
        elif request.path.startswith("/v1/"):
            response = web.json_response(openai_error(error, audience), status=error.status)
        else:
            response = self._as_html(request, error)
        if allow is not None:
            response.headers["Allow"] = allow
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(error.retry_after)
        return response

    def _as_html(self, request: web.Request, error: ApplianceError) -> web.Response:
        words = error.words_for(self._audience)
        if wants_fragment(request):
            toast = ErrorToast(words.sentence, words.hint)
            return web.Response(
                text=self._renderer.fragment(toast.template, "toast", toast),
                status=error.status,
                content_type="text/html",
                headers={"HX-Retarget": "#toasts", "HX-Reswap": "beforeend", "Vary": "HX-Request"},
            )
        title = HTTPStatus(error.status).phrase
        try:
            frame = self._frame(request, title)
        except Exception as problem:  # noqa: BLE001 - an error page must not fail for its frame
            _LOG.warning("the frame of an error page failed: %r", problem)
            frame = self._bare_frame(request, title)
        may_pass = request.method == hdrs.METH_GET and _may_pass(error)
        page = ErrorPage(frame, int(error.status), words.sentence, words.hint, may_pass)
        return self._renderer.page(request, page, status=int(error.status))


def _may_pass(error: ApplianceError) -> bool:
    """Whether the same request may be answered in a while."""
    return error.status == HTTPStatus.TOO_MANY_REQUESTS or error.status >= _SERVER_ERROR


def _without_traceback(error: ConnectionError) -> ConnectionResetError:
    """Return an error to raise in place of one that the stream of a body raised.

    The stream keeps its error, and the error's traceback keeps the request with its stream: a cycle
    that holds the memory of each request whose client has left until a full collection.
    """
    error.__traceback__ = None
    return ConnectionResetError()


def _has_left(request: web.Request) -> bool:
    """Whether the client has closed its connection, which is no error of ours."""
    return request.transport is None or request.transport.is_closing()


async def remember_start(request: web.Request, _response: web.StreamResponse) -> None:
    """Note that the answer has begun. Append this to `app.on_response_prepare`."""
    request[_STARTED] = True


def openai_error(error: ApplianceError, audience: Audience = Audience.PROGRAM) -> dict[str, object]:
    """Return an error in the shape that clients of OpenAI's API know."""
    words = error.words_for(audience)
    return {
        "error": {
            "message": f"{words.sentence} {words.hint}",
            "type": _openai_type(error.status),
            "code": error.code,
            "param": None,
        },
    }


def _openai_type(status: HTTPStatus) -> str:
    if status >= _SERVER_ERROR:
        return "server_error"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "rate_limit_error"
    return "invalid_request_error"


def _appliance_error(request: web.Request, error: Exception) -> ApplianceError:
    """Return the error itself, or a numbered one for a defect, which is logged."""
    if isinstance(error, ApplianceError):
        return error
    if isinstance(error, web.RequestPayloadError):
        return BadRequestError()
    _LOG.error("%s %s failed", request.method, request.path, exc_info=error)
    return NumberedInternalError(request_id=request_number())


def _translate(error: web.HTTPException) -> ApplianceError:
    """Return aiohttp's own error as one of Cloister's."""
    if error.status >= _SERVER_ERROR:
        return InternalError()
    return _ERRORS.get(error.status, BadRequestError)()
