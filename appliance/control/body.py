"""Fields of the bodies and queries that the command line sends. Each raises InvalidInputError."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

from aiohttp import web

from appliance.core.errors import InvalidInputError
from appliance.web.json_body import json_object
from appliance.web.paths import whole_number

Chosen = TypeVar("Chosen", bound=StrEnum)
Body = dict[str, Any]


async def read(request: web.Request) -> Body:
    """Return the body, which must be an object."""
    body = json_object(await request.read())
    if body is None:
        raise _invalid("The body is not a JSON object.")
    return body


def query_number(request: web.Request, name: str, usual: int) -> int:
    """Return a whole number of the query, or the usual one where the query has none."""
    value = whole_number(request.query.get(name, str(usual)))
    if value is None:
        raise _invalid(f"“{name}” is not a whole number.")
    return value


def text(body: Body, name: str) -> str:
    """Return a text."""
    value = body.get(name)
    if not isinstance(value, str):
        raise _invalid(f"“{name}” is not a text.")
    return value


def number(body: Body, name: str) -> int:
    """Return a whole number."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _invalid(f"“{name}” is not a whole number.")
    return value


def optional_value(body: Body, name: str) -> int | str | tuple[str, ...] | None:
    """Return a whole number, a text, texts, or None where the field is null."""
    match body.get(name, ""):
        case None:
            return None
        case list():
            return tuple(texts(body, name))
        case str() if name in body:
            return text(body, name)
        case _:
            return number(body, name)


def choice(body: Body, name: str, of: type[Chosen]) -> Chosen:
    """Return one of the values of an enumeration."""
    return _member(body.get(name), name, of)


def choices(body: Body, name: str, of: type[Chosen]) -> list[Chosen]:
    """Return a list of values of an enumeration."""
    values = body.get(name)
    if not isinstance(values, list):
        raise _invalid(f"“{name}” is not a list.")
    return [_member(value, name, of) for value in values]


def texts(body: Body, name: str) -> list[str]:
    """Return a list of texts."""
    values = body.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _invalid(f"“{name}” is not a list of texts.")
    return values


def _member(value: object, name: str, of: type[Chosen]) -> Chosen:
    if not isinstance(value, str) or value not in set(of):
        raise _invalid(f"“{name}” is none of {', '.join(of)}.")
    return of(value)


def _invalid(problem: str) -> InvalidInputError:
    return InvalidInputError(problem=problem, remedy="Send what `cloister --help` describes.")
