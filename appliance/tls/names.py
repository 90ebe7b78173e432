"""Names of hosts, and addresses, in the form in which browsers compare them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

import idna
from cryptography import x509

LONGEST_NAME = 253
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")
_WILDCARD = "*."

Address = IPv4Address | IPv6Address


def canonical(text: str) -> str | None:
    """Return a host name or an address as a certificate holds it, or None if it is neither.

    A name is in lower case, and one in another script in its ASCII form (`xn--…`); an address
    has no brackets and no zone.
    """
    if len(text) > LONGEST_NAME + len("[]."):
        return None
    if address := address_of(text):
        return str(address)
    name = text.removesuffix(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except UnicodeError:
            return None
    return name if len(name) <= LONGEST_NAME and _NAME.fullmatch(name) else None


def canonical_pattern(text: str) -> str | None:
    """Return the same for a name that may begin with `*.`, as a certificate's names may."""
    if not text.startswith(_WILDCARD):
        return canonical(text)
    parent = canonical(text.removeprefix(_WILDCARD))
    return f"{_WILDCARD}{parent}" if parent and address_of(parent) is None else None


def all_canonical(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names in that form, each once; what is no name is left out."""
    return tuple(dict.fromkeys(filter(None, map(canonical, names))))


def address_of(text: str) -> Address | None:
    """Return the address that a text is; None for a name."""
    try:
        return ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None


def covers(pattern: str, name: str) -> bool:
    """Say whether a name of a certificate covers a host: a wildcard stands for one label."""
    if not pattern.startswith(_WILDCARD):
        return pattern == name
    first, _, parent = name.partition(".")
    return bool(first) and address_of(name) is None and parent == pattern.removeprefix(_WILDCARD)


def nearly_covers(pattern: str, name: str) -> bool:
    """Say whether a wildcard names a domain of the host, but does not cover the host."""
    if not pattern.startswith(_WILDCARD) or covers(pattern, name):
        return False
    parent = pattern.removeprefix(_WILDCARD)
    return name == parent or name.endswith(f".{parent}")


def general_names(names: Iterable[str]) -> list[x509.GeneralName]:
    """Return canonical names as an extension holds them: names first, then addresses."""
    listed = tuple(names)
    hosts = [x509.DNSName(name) for name in listed if address_of(name) is None]
    addresses = [x509.IPAddress(found) for name in listed if (found := address_of(name))]
    return [*hosts, *addresses]
