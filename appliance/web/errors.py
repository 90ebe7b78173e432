"""Errors as answers: a page, a part of a page, or JSON, always in a person's words.

Only an ApplianceError speaks for itself. Whatever else is raised is a defect: its traceback goes
to the log under a number, and the person is told the number and nothing more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

from aiohttp import web

from appliance.core.errors import ApplianceError, ForbiddenError, NotFoundError
from appliance.core.log import numbered_request, request_number
from appliance.web.keys import request_key
from appliance.web.render import wants_fragment

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from appliance.web.render import Frame, Renderer

_LOG = logging.getLogger(__name__)
_STARTED = request_key("started")

Framing = Callable[[web.Request, str], "Frame"]
"""Makes the frame of an error page from the request and a title; it may raise."""


class WrongMethodError(ApplianceError):
    """The address exists, but not for this method."""

    code = "method_not_allowed"
    status = HTTPStatus.METHOD_NOT_ALLOWED
    sentence = "This address does not do that."
    hint = "Go back and use the page's own buttons and links."


class TooLargeError(ApplianceError):
    """The body is larger than the application takes."""

    code = "too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    sentence = "That is larger than Cloister takes."
    hint = "Nothing was saved. Send less at once."


class CompressedBodyError(ApplianceError):
    """The body is compressed: a kilobyte of it may expand to gigabytes."""

    code = "compressed_body"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    sentence = "The request is compressed, and Cloister does not decompress requests."
    hint = "Send it again without Content-Encoding."


class SignInNeededError(ApplianceError):
    """Nobody is signed in, or the session or the key has ended."""

    code = "sign_in_needed"
    status = HTTPStatus.UNAUTHORIZED
    sentence = "You are not signed in."
    hint = "Sign in and try again."


class BadRequestError(ApplianceError):
    """The request itself cannot be understood."""

    code = "bad_request"
    sentence = "Cloister could not understand that request."
    hint = "Reload the page and try again."


class InternalError(ApplianceError):
    """A defect: the log has its traceback under the same number."""

    code = "internal"
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    sentence = "Something went wrong inside Cloister."
    hint = "Try again. If it goes on, tell the operator the number {request_id}."


_WORDS: dict[int, type[ApplianceError]] = {
    HTTPStatus.UNAUTHORIZED: SignInNeededError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.METHOD_NOT_ALLOWED: WrongMethodError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLargeError,
}


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What `error.html` shows."""

    template: ClassVar[str] = "error.html"

    frame: Frame
    status: int
    sentence: str
    hint: str


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

    def __init__(self, renderer: Renderer, frame: Framing, bare_frame: Framing) -> None:
        """Take `bare_frame`, which cannot fail, for when `frame` does (the database is down)."""
        self._renderer = renderer
        self._frame = frame
        self._bare_frame = bare_frame

    @property
    def middleware(self) -> Middleware:
        """What to put into `app.middlewares`."""

        @web.middleware
        async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
            # Every line that the request logs carries its number, and so does the page of a defect.
            with numbered_request():
                return await self._handle(request, handler)

        return answer_errors

    async def _handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ConnectionResetError:
            raise
        except web.HTTPException as error:
            if error.status < HTTPStatus.BAD_REQUEST:
                raise
            return self.answer(request, _in_our_words(error), error.headers.get("Allow"))
        except Exception as error:
            if request.get(_STARTED):
                _LOG.exception("%s %s broke off", request.method, request.path)
                raise
            return self.answer(request, self._ours(request, error))

    def answer(
        self,
        request: web.Request,
        error: ApplianceError,
        allow: str | None = None,
    ) -> web.Response:
        """Answer with an error in the form that the client reads."""
        if request.path.startswith(("/api/", "/v1/")):
            response = web.json_response(_as_json(request.path, error), status=error.status)
        else:
            response = self._as_html(request, error)
        if allow is not None:
            response.headers["Allow"] = allow
        return response

    def _ours(self, request: web.Request, error: Exception) -> ApplianceError:
        if isinstance(error, ApplianceError):
            return error
        if isinstance(error, web.RequestPayloadError):
            return BadRequestError()
        _LOG.error("%s %s failed", request.method, request.path, exc_info=error)
        return InternalError(request_id=request_number())

    def _as_html(self, request: web.Request, error: ApplianceError) -> web.Response:
        if wants_fragment(request):
            toast = ErrorToast(error.message, error.advice)
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
        page = ErrorPage(frame, int(error.status), error.message, error.advice)
        return self._renderer.page(request, page, status=int(error.status))


async def remember_start(request: web.Request, _response: web.StreamResponse) -> None:
    """Note that the answer has begun. Append this to `app.on_response_prepare`."""
    request[_STARTED] = True


def _in_our_words(error: web.HTTPException) -> ApplianceError:
    if error.status == HTTPStatus.NOT_FOUND:
        return NotFoundError(what="page")
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ApplianceError()
    return _WORDS.get(error.status, BadRequestError)()


def _as_json(path: str, error: ApplianceError) -> dict[str, object]:
    if path.startswith("/api/"):
        return {"error": error.as_json()}
    # The shape that clients of OpenAI's API know.
    failed_here = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return {
        "error": {
            "message": f"{error.message} {error.advice}",
            "type": "server_error" if failed_here else "invalid_request_error",
            "code": error.code,
            "param": None,
        },
    }
