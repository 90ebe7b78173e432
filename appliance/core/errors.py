"""Errors that a person may read: each has a code, one sentence and a hint."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar


class ApplianceError(Exception):
    """The only kind of error whose words reach a person.

    A subclass states `code` (stable, for programs), `sentence` (what happened) and `hint` (what
    to do next) once; both texts are `str.format` templates filled from the keyword arguments of
    the constructor. Anything else that is raised is a defect: it is logged with its traceback
    and shown as `internal` with a request number.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST
    sentence: ClassVar[str] = "Something went wrong inside Cloister."
    hint: ClassVar[str] = "Try again. If it goes on, ask the operator to look at the log."

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        self.message = self.sentence.format(**facts)
        self.advice = self.hint.format(**facts)
        super().__init__(self.message)

    def as_json(self) -> dict[str, str]:
        """Return the error in the shape that the API and the CLI's `--json` print."""
        return {"code": self.code, "message": self.message, "hint": self.advice}


class NotFoundError(ApplianceError):
    """The object does not exist, or the person may not know that it does."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND
    sentence = "There is no such {what}."
    hint = "It may have been deleted, or it belongs to somebody else."


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


class DatabaseUnavailableError(ApplianceError):
    """PostgreSQL does not answer: starting, restarting, or stopped."""

    code = "database_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "The database does not answer at the moment."
    hint = "It is restarted by itself within seconds. Try again; nothing that was saved is lost."
