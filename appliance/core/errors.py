"""Errors that a person may read: each has a code, one sentence and a hint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import ClassVar

from typing_extensions import override


class Audience(StrEnum):
    """Who reads the words: each audience can do different things about the same fault."""

    MEMBER = "member"
    OPERATOR = "operator"
    PROGRAM = "API program"
    COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class Words:
    """What happened, and what its reader can do next."""

    sentence: str
    hint: str


class ApplianceError(Exception):
    """The only kind of error whose words reach a person.

    A subclass states `code` (stable, for programs), `sentence` (what happened) and `hint` (what
    to do next) once; both texts are `str.format` templates filled from the keyword arguments of
    the constructor. `variants` holds other words for an audience that can do something else.
    Anything else that is raised is a defect: it is logged with its traceback and shown as
    `internal` with a request number.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    sentence: ClassVar[str] = "Something went wrong inside Cloister."
    hint: ClassVar[str] = "Try again. If it goes on, ask the operator to look at the log."
    variants: ClassVar[Mapping[Audience, Words]] = {}

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        self.message = self.sentence.format(**facts)
        self.advice = self.hint.format(**facts)
        super().__init__(self.message)

    def words_for(self, audience: Audience) -> Words:
        """Return the sentence and the hint as this audience should read them."""
        if (variant := self.variants.get(audience)) is None:
            return Words(self.message, self.advice)
        sentence, hint = variant.sentence.format(**self.facts), variant.hint.format(**self.facts)
        return Words(sentence, hint)

    @property
    def retry_after(self) -> int | None:
        """After how many seconds the same request may succeed; None where waiting does not help."""
        return None

    def as_json(self, audience: Audience = Audience.MEMBER) -> dict[str, str]:
        """Return the error in the shape that the API and the CLI's `--json` print."""
        words = self.words_for(audience)
        return {"code": self.code, "message": words.sentence, "hint": words.hint}


class InternalError(ApplianceError):
    """A defect; the log has its traceback. It has the words of `ApplianceError` itself."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


class NotFoundError(ApplianceError):
    """The object does not exist, or the person may not know that it does."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND
    sentence = "There is no such {what}."
    hint = "It may have been deleted, or it belongs to another person."


class ForbiddenError(ApplianceError):
    """The person is known but may not do this."""

    code = "forbidden"
    status = HTTPStatus.FORBIDDEN
    sentence = "Your account may not do this."
    hint = "Ask an operator if you need it."


class InvalidInputError(ApplianceError):
    """A field or a body cannot be used as it is."""

    code = "invalid_input"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "{problem}"
    hint = "{remedy}"


class FieldsInvalidError(ApplianceError):
    """What a person typed cannot be used. `fields` has a sentence for each wrong field."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "{problems}"
    hint = "Correct the fields that are named, and save again."

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(problems=" ".join(fields.values()), fields=dict(fields))
        self.fields = fields


class LaterError(ApplianceError):
    """The same request succeeds later. Facts: `seconds`, the estimate of how much later."""

    def __init__(self, *, seconds: int, **facts: object) -> None:
        super().__init__(seconds=seconds, **facts)
        self._seconds = seconds

    @property
    @override
    def retry_after(self) -> int | None:
        return self._seconds


_BUSY = "Many people are asking at the moment."
_BUSY_FOR_PROGRAMS = Words(
    _BUSY, "Send the request again after the seconds that the header Retry-After names."
)


class BusyError(LaterError):
    """Everything works, and more people ask at the same time than can be served."""

    code = "busy"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = _BUSY
    hint = "Try again in about {seconds} seconds."
    variants: ClassVar[Mapping[Audience, Words]] = {Audience.PROGRAM: _BUSY_FOR_PROGRAMS}


_CONNECTION_FREE_SECONDS = 5
# PostgreSQL is back within ten seconds of a crash.
_DATABASE_BACK_SECONDS = 10
_DATABASE_SILENT = "The database does not answer at the moment."


class DatabaseUnavailableError(ApplianceError):
    """PostgreSQL does not answer: it starts, it restarts, or an operator stopped it."""

    code = "database_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = _DATABASE_SILENT
    hint = "Try again in a minute; nothing that was saved is lost. If it goes on, ask an operator."
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.OPERATOR: Words(
            _DATABASE_SILENT,
            "The overview says why, and offers to start it where an operator stopped it. "
            "Nothing that was saved is lost.",
        ),
        Audience.PROGRAM: Words(
            _DATABASE_SILENT, "Send the request again in a minute; nothing that was saved is lost."
        ),
        Audience.COMMAND_LINE: Words(
            _DATABASE_SILENT,
            "`cloister status` says whether Cloister runs, and why the database does not. "
            "If you mean data in another folder, set CLOISTER_HOME to it.",
        ),
    }

    @property
    @override
    def retry_after(self) -> int | None:
        return _DATABASE_BACK_SECONDS


class DatabaseBusyError(DatabaseUnavailableError):
    """PostgreSQL answers, but no connection became free in time: too many requests at once.

    Its reader learns what BusyError says: that the machine is busy, and nothing of a database.
    """

    code = BusyError.code
    sentence = BusyError.sentence
    hint = "Try again in a few seconds; nothing that was saved is lost."
    variants: ClassVar[Mapping[Audience, Words]] = {Audience.PROGRAM: _BUSY_FOR_PROGRAMS}

    @property
    @override
    def retry_after(self) -> int | None:
        return _CONNECTION_FREE_SECONDS
