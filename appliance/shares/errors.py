"""Why a request is refused now: its account has used its share."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from appliance.core.errors import Audience, LaterError, Words

_SEND_FEWER = "Send fewer at once; the header Retry-After names the seconds to wait."


class ShareUsedError(LaterError):
    """One account has used its share. Facts: `limit`, `seconds`."""

    code = "too_many_requests"
    status = HTTPStatus.TOO_MANY_REQUESTS
    sentence = "{limit} requests of your account are waiting already."
    hint = "Close pages and stop programs that you do not need, and try again in {seconds} seconds."
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.PROGRAM: Words(
            "{limit} requests of this account are waiting already.",
            _SEND_FEWER,
        ),
    }


class TooManyOfYoursWaitingError(ShareUsedError):
    """One account has as many unanswered questions as it may have. Facts: `limit`, `seconds`."""

    code = "too_many_of_yours_waiting"
    sentence = "{limit} of your questions are waiting for an answer already."
    hint = "Ask again when some of them are answered, or stop the ones that you no longer need."
    variants: ClassVar[Mapping[Audience, Words]] = {}


class TooManySearchesError(ShareUsedError):
    """One account has as many waiting searches as it may have. Facts: `limit`, `seconds`."""

    code = "too_many_searches"
    sentence = "{limit} searches of your account are waiting already."
    hint = "Try again in {seconds} seconds."
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.PROGRAM: Words(
            "{limit} searches of this account are waiting already.",
            _SEND_FEWER,
        ),
    }


class TooManyEmbeddingsError(ShareUsedError):
    """One account has as many open requests for vectors as it may have.

    Facts: `limit`, `seconds`.
    """

    code = "too_many_embeddings"
    sentence = "{limit} requests for vectors of this account are open already."
    hint = _SEND_FEWER
    variants: ClassVar[Mapping[Audience, Words]] = {}


class TooManyUploadsError(ShareUsedError):
    """One account has as many waiting uploads as it may have. Facts: `limit`, `seconds`."""

    code = "too_many_uploads"
    sentence = "{limit} uploads of your account are waiting already."
    hint = "Wait until some of them have ended, then add the rest."
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.PROGRAM: Words(
            "{limit} uploads of this account are waiting already.",
            _SEND_FEWER,
        ),
    }


class TooManyBodiesError(ShareUsedError):
    """One account sends as many requests as it may, and as many wait. Facts: `limit`, `seconds`."""

    code = "too_many_bodies"
    sentence = "Too many requests of your account are still being sent."
    hint = "Try again in {seconds} seconds."
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.PROGRAM: Words(
            "Too many requests of this account are still being sent.", _SEND_FEWER
        ),
    }


class CrowdedError(ShareUsedError):
    """One network sends as many requests as it may without a session. Facts: `limit`, `seconds`."""

    code = "crowded"
    sentence = "Too many requests from your network are still being sent without a session."
    hint = "Try again in {seconds} seconds."
    variants: ClassVar[Mapping[Audience, Words]] = {}


class TooManyStreamsError(ShareUsedError):
    """One account has as many open downloads and followed answers as it may have.

    Facts: `limit`, `seconds`.
    """

    code = "too_many_streams"
    sentence = "Your account has {limit} downloads and open answers at once already."
    hint = "Close pages that you do not need, and try again."
    variants: ClassVar[Mapping[Audience, Words]] = {}
