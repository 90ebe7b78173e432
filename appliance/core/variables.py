"""The variables of the environment: what each may hold, and what counts without it."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.core.errors import ApplianceError

MEBIBYTE = 1024 * 1024
GIBIBYTE = 1024 * MEBIBYTE
# As many as systemd/50-cloister.rules lets the supervisor start.
MOST_CHAT_PROCESSES = 16
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,40}(/[A-Za-z0-9_+-]{1,40}){0,2}")


class SettingError(ApplianceError):
    """A variable holds something that it cannot."""

    code = "setting"
    sentence = "{name}={value} makes no sense: it must be {expected}."
    hint = (
        "Correct the variable and start again; on an installed machine it is in "
        "/etc/cloister/cloister.env."
    )


@dataclass(frozen=True, slots=True)
class Number:
    """A variable that holds a whole number, from `least` to `most`."""

    name: str
    default: int
    most: int | None = None
    least: int = 1

    def accepts(self, text: str) -> bool:
        """Return whether a value is within the bounds."""
        is_number = text.isascii() and text.isdigit() and int(text) >= self.least
        return is_number and (self.most is None or int(text) <= self.most)

    @property
    def expected(self) -> str:
        """Return in words what a value must be."""
        bounds = "above zero" if self.most is None else f"from {self.least} to {self.most}"
        return f"a whole number {bounds}"


@dataclass(frozen=True, slots=True)
class Names:
    """A variable that holds several values, with spaces or commas between them."""

    name: str
    expected: str
    accepts: Callable[[str], bool]

    def parse(self, text: str) -> tuple[str, ...]:
        """Return the values. Raises SettingError."""
        values = tuple(text.replace(",", " ").split())
        if not all(map(self.accepts, values)):
            raise SettingError(name=self.name, value=text, expected=self.expected)
        return values


def is_host(text: str) -> bool:
    """Say whether a text is the name of a machine, or its address."""
    return _HOST.fullmatch(text) is not None or _is_address(text.strip("[]"))


def is_time_zone(text: str) -> bool:
    """Say whether this machine knows a time zone of this name."""
    if not _ZONE.fullmatch(text):
        return False
    for folder in zoneinfo.TZPATH:
        try:
            with Path(folder, text).open("rb") as file:
                return file.read(4) == b"TZif"
        except OSError:
            continue
    return False


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


# Without Nginx the console takes the next port.
PORT = Number("CLOISTER_PORT", 8080, 65534)
CHAT_PROCESSES = Number("CLOISTER_CHAT_PROCESSES", 1, MOST_CHAT_PROCESSES)
UPLOAD_LIMIT = Number("CLOISTER_UPLOAD_LIMIT", 100 * MEBIBYTE)
GENERATION_SLOTS = Number("CLOISTER_GENERATION_SLOTS", 4)
CONTEXT_TOKENS = Number("CLOISTER_CONTEXT_TOKENS", 8192)
# A day at most: the code is for the person who works on the machine now.
CLAIM_MINUTES = Number("CLOISTER_CLAIM_MINUTES", 15, 1440)
TRUSTED_PROXY = Names(
    "CLOISTER_TRUSTED_PROXY", "addresses or networks, such as 10.0.0.5 or 10.0.0.0/24", _is_network
)
HOST_NAMES = Names("CLOISTER_HOST_NAMES", "names of machines, or addresses", is_host)
HOST = Names("CLOISTER_HOST", "the name of a machine", is_host)
TIME_ZONE = Names("CLOISTER_TIME_ZONE", "a time zone, such as Europe/Vienna", is_time_zone)
SECURE_COOKIES, PROXY_PROTOCOL = "CLOISTER_SECURE_COOKIES", "CLOISTER_PROXY_PROTOCOL"
# Of a clone: the package serves over TLS, and has both ports, in any case.
WITH_TLS = "CLOISTER_TLS"
PLAIN_PORT = Number("CLOISTER_PLAIN_PORT", 0, 65535)
HSTS_DAYS = Number("CLOISTER_HSTS_DAYS", 0, 730, least=0)
FLAGS: Mapping[str, bool] = {"0": False, "no": False, "1": True, "yes": True}
EXPECTED_FLAG = "yes or no"
NUMBERS = (
    PORT,
    CHAT_PROCESSES,
    UPLOAD_LIMIT,
    GENERATION_SLOTS,
    CONTEXT_TOKENS,
    CLAIM_MINUTES,
    HSTS_DAYS,
)
