"""Forms: values that are checked one by one, each with an error that says what to enter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from aiohttp import hdrs
from aiohttp.http import HttpProcessingError

from appliance.core.errors import InvalidInputError
from appliance.web.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aiohttp import web

FORM_LIMIT = 64 * 1024
# Of the form with the longest text, a question. Decoding a megabyte would take a tenth of a second.
LARGEST_FORM = 128 * 1024
TEXT_LIMIT = 200
# Matched here, because aiohttp's parser of this header depends on its version and can fail.
_PLAIN_FORM = re.compile(
    r'application/x-www-form-urlencoded\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE
)
# Far more than the largest form has. Without a limit, a megabyte of `&` makes a million fields.
_MOST_FIELDS = 200


class Form:
    """The values of one form as they were typed, and their errors.

    A handler reads each field with its rules, then checks `valid`. On an error it shows the same
    page again with this object, so that no typed text is lost.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = dict(values or {})
        self._errors: dict[str, str] = {}

    @property
    def valid(self) -> bool:
        """Whether all fields that were read so far are right."""
        return not self._errors

    def value(self, name: str) -> str:
        """Return the typed value, to show it again."""
        return self._values.get(name, "")

    def with_value(self, name: str, value: str) -> Form:
        """Return a form with the same values but for one, and without errors."""
        return Form({**self._values, name: value})

    def error(self, name: str) -> str:
        """Return the error of a field, or an empty text."""
        return self._errors.get(name, "")

    def fail(self, name: str, sentence: str) -> None:
        """Mark a field as wrong; the first sentence stays."""
        self._errors.setdefault(name, sentence)

    def text(
        self,
        name: str,
        *,
        minimum: int = 1,
        maximum: int = TEXT_LIMIT,
    ) -> str:
        """Return a line or a text without the space around it. `minimum=0` makes it optional."""
        value = self.value(name).replace("\r\n", "\n").strip()
        if "\0" in value:
            self.fail(name, "This contains a character that cannot be kept.")
        elif len(value) < minimum:
            self.fail(
                name,
                "Please fill this in." if not value else f"At least {minimum} characters, please.",
            )
        elif len(value) > maximum:
            self.fail(name, f"At most {maximum:,} characters, please.")
        return value

    def secret(self, name: str, *, minimum: int = 1, maximum: int = 1024) -> str:
        """Return a password exactly as typed, and forget it, so that no page shows it again."""
        value = self._values.pop(name, "")
        if not value:
            self.fail(name, "Please fill this in.")
        elif len(value) < minimum:
            self.fail(name, f"At least {minimum} characters, please.")
        elif len(value) > maximum:
            self.fail(name, f"At most {maximum:,} characters, please.")
        return value

    def choice(self, name: str, choices: Collection[str]) -> str:
        """Return one of `choices`."""
        value = self.value(name)
        if value not in choices:
            self.fail(name, "Please choose one of these.")
        return value

    def whole_number(self, name: str, *, minimum: int, maximum: int) -> int:
        """Return a number between the two, both included."""
        value = self.value(name).strip()
        # isdecimal alone lets other scripts' digits through, and int() would read them.
        number = int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else None
        if number is None or not minimum <= number <= maximum:
            self.fail(name, f"Please give a whole number from {minimum:,} to {maximum:,}.")
            return minimum
        return number


async def pairs(request: web.Request) -> list[tuple[str, str]]:
    """Return the fields of a plain form in its order; the same name may come again.

    aiohttp's own form reader is not used: it decodes with any codec that the client names, some of
    which need seconds instead of a millisecond, and it stores files on the disk before the sender
    is known.

    Raises InvalidInputError for a form with files or one that is too large, BadRequestError for
    another kind of body. The application's client_max_size bounds a body without a length.
    """
    if not request.body_exists:
        return []
    kind = request.headers.get(hdrs.CONTENT_TYPE, "")
    if kind.lower().startswith("multipart/"):
        raise InvalidInputError(
            problem="This form takes no files.",
            remedy="Add documents in the library.",
        )
    if _PLAIN_FORM.fullmatch(kind) is None:
        raise BadRequestError
    try:
        return decoded(await request.read())
    except (ValueError, HttpProcessingError) as error:
        raise BadRequestError from error


def decoded(content: bytes) -> list[tuple[str, str]]:
    """Return the fields of the body of a plain form.

    Raises InvalidInputError for one that is too large, ValueError for one that is no form.
    """
    if len(content) > LARGEST_FORM:
        raise _too_long(LARGEST_FORM)
    return parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)


async def posted(request: web.Request) -> dict[str, str]:
    """Return the fields of a plain form by name, as `pairs` finds them; the last one counts."""
    return dict(await pairs(request))


async def read_form(request: web.Request, *, limit: int = FORM_LIMIT) -> Form:
    """Read the body of a plain form; files have their own handlers.

    Raises InvalidInputError when the body is larger than `limit` or carries a file.
    """
    if request.content_length is not None and request.content_length > limit:
        raise _too_long(limit)
    values = await posted(request)
    if sum(len(value) for value in values.values()) > limit:
        raise _too_long(limit)
    return Form(values)


def _too_long(limit: int) -> InvalidInputError:
    return InvalidInputError(
        problem="That is more text than this form takes.",
        remedy=f"Send less than {limit // 1024} KB; longer texts can be added to the library.",
    )
