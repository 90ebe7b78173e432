"""What an operator has set that a process needs before the database answers: one file.

The supervisor writes it, and every process reads it at its start. A value in it counts instead of
the environment's; what it does not have, the environment decides.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from appliance.core.files import write_atomically
from appliance.core.settings import Settings, from_environment
from appliance.core.variables import (
    CHAT_PROCESSES,
    GENERATION_SLOTS,
    HOST,
    HOST_NAMES,
    HSTS_DAYS,
    PORT,
    TIME_ZONE,
    SettingError,
)

logger = logging.getLogger(__name__)

READABLE = 0o644
_OWN_ZONE = os.environ.get("TZ")
# Nothing else in the file counts: it reaches the environment of every process.
VARIABLES = (
    HOST.name,
    HOST_NAMES.name,
    HSTS_DAYS.name,
    PORT.name,
    CHAT_PROCESSES.name,
    GENERATION_SLOTS.name,
    TIME_ZONE.name,
)


@dataclass(frozen=True, slots=True)
class StartValue:
    """The value of a variable, and when it last changed: what runs since before has another one."""

    text: str
    since: datetime


StartValues = Mapping[str, StartValue]


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of the environment with what an operator has set instead.

    Raises SettingError for a variable of the environment that is wrong; a value of the file that is
    wrong counts for nothing.
    """
    base = from_environment(environment)
    return with_texts(base, texts_of(read_values(base.start_file)))


def with_texts(base: Settings, texts: Mapping[str, str]) -> Settings:
    """Return settings with these values of variables instead of the environment's."""
    counting = dict(texts)
    if base.packaged:
        # The ports of the package are those of its sockets.
        counting.pop(PORT.name, None)
    if not counting:
        return base
    return replace(from_environment({**base.as_environment(), **counting}), environment=base)


def read_values(path: Path) -> dict[str, StartValue]:
    """Return what the file holds and can be used. Never raises: a wrong value stops nothing."""
    try:
        found = json.loads(path.read_bytes())
        entries = found.items()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        logger.warning("%s is not read: %r", path, error)
        return {}
    values = {str(name): _value(name, entry) for name, entry in entries}
    return {name: value for name, value in values.items() if value is not None}


def write_values(path: Path, texts: Mapping[str, str], now: datetime) -> dict[str, StartValue]:
    """Replace what the file holds; return it. A value that stays keeps its time.

    An empty text says that the environment decides again, since `now`. Raises OSError.
    """
    before = read_values(path)
    values = dict(before)
    for name in VARIABLES:
        text = texts.get(name, "")
        if text and not _is_usable(name, text):
            continue
        if text != (before[name].text if name in before else ""):
            values[name] = StartValue(text, now)
    if values != before:
        entries = {
            name: {"value": value.text, "since": value.since.isoformat()}
            for name, value in sorted(values.items())
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(entries, indent=1).encode(), mode=READABLE)
    return values


def texts_of(values: StartValues) -> dict[str, str]:
    """Return the values that count instead of the environment's, by variable."""
    return {name: value.text for name, value in values.items() if value.text}


def last_change(values: StartValues, names: Iterable[str]) -> float | None:
    """Return when the last of these variables changed, in seconds since 1970."""
    return max((values[name].since.timestamp() for name in names if name in values), default=None)


def use_time_zone(name: str) -> None:
    """Show local times of this zone in this process; without a name, of the machine's own."""
    wanted = name or _OWN_ZONE
    if wanted == os.environ.get("TZ"):
        return
    if wanted is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = wanted
    time.tzset()


def _value(name: object, entry: object) -> StartValue | None:
    """Return a value of the file; None for what no process could start with."""
    match entry:
        case {"value": str(text), "since": str(since)} if _is_usable(name, text):
            with contextlib.suppress(ValueError):
                moment = datetime.fromisoformat(since)
                return StartValue(text, moment if moment.tzinfo else moment.astimezone())
        case _:
            pass
    logger.warning("%s in the file of the start is ignored", name)
    return None


def _is_usable(name: object, text: str) -> bool:
    if name not in VARIABLES or not text.isprintable():
        return False
    if name == HOST.name:
        return not text or HOST.accepts(text)
    try:
        from_environment({str(name): text})
    except SettingError:
        return False
    return True
