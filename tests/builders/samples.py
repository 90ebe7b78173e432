"""A value of any type that a store takes, for tests that call every store."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from enum import Enum
from inspect import signature
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID, uuid4

from appliance.accounts.model import Account
from appliance.actors.permissions import Role
from appliance.core.errors import ApplianceError

_DAY = datetime(2026, 11, 28, tzinfo=UTC)
_PLAIN: Mapping[object, Callable[[], object]] = {
    str: lambda: "pump",
    int: lambda: 1,
    float: lambda: 1.0,
    bool: lambda: True,
    bytes: lambda: b"pump",
    object: lambda: "pump",
    Any: lambda: "pump",
    UUID: uuid4,
    datetime: lambda: _DAY,
    timedelta: lambda: timedelta(days=1),
    Account: lambda: Account(uuid4(), "alice", Role.MEMBER, "Alice", _DAY, None),
}
_GROUPS: Mapping[object, Callable[[Iterable[object]], object]] = {
    list: list,
    tuple: tuple,
    Sequence: list,
    Iterable: list,
    Collection: list,
    set: set,
    frozenset: frozenset,
    AbstractSet: set,
}


def sample(hint: Any) -> Any:
    """Return a value of a type. Raises TypeError for one that this function does not know."""
    if hint in _PLAIN:
        return _PLAIN[hint]()
    if get_origin(hint) is not None:
        return _sample_of_parts(get_origin(hint), get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return next(iter(hint))
    if isinstance(hint, type) and issubclass(hint, ApplianceError):
        return hint()
    if dataclasses.is_dataclass(hint):
        return sample_call(hint)
    message = f"there is no sample of {hint}"
    raise TypeError(message)


def _sample_of_parts(kind: Any, parts: Sequence[Any]) -> Any:
    """Return a value of a type that is made of others, with one element where it has elements."""
    if kind in {Union, types.UnionType}:
        return sample(next(each for each in parts if each is not type(None)))
    if kind is typing.Literal:
        return parts[0]
    if kind in _GROUPS:
        inner = parts if kind is tuple and Ellipsis not in parts else parts[:1]
        return _GROUPS[kind](map(sample, inner))
    if kind in {dict, Mapping}:
        return {}
    message = f"there is no sample of {kind}"
    raise TypeError(message)


def sample_call(function: Any, *given: object) -> Any:
    """Call a function, or make an object, with samples for all parameters after the given ones."""
    made: Any = function
    target = made.__init__ if isinstance(function, type) else made
    hints = get_type_hints(target)
    parameters = list(signature(function).parameters.values())[len(given) :]
    named = {each.name: sample(hints[each.name]) for each in parameters}
    return function(*given, **named)
