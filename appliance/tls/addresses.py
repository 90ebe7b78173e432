"""Under which names and addresses other computers may reach this machine.

Packaged, no process of Cloister that decides has a network. The kernel shows that of the machine's
first process to every account, as files: its addresses, and which way leads out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path

from appliance.core.settings import Settings
from appliance.tls.names import all_canonical

NETWORK = Path("/proc/1/net")
_RESOLVER = Path("/etc/resolv.conf")
_HOSTS = Path("/etc/hosts")
# Flags of an address in if_inet6: it changes daily, it is not used for new connections, or another
# computer may have it.
_PASSING = 0x01 | 0x20 | 0x08 | 0x40
_GLOBAL_SCOPE = 0
_ANY = "00000000"
# Interfaces of bridges to containers and virtual machines: they come and go, and lead nowhere else.
_INSIDE = ("docker", "br-", "veth", "virbr", "podman", "cni", "lxcbr", "lxdbr", "incusbr", "lo")

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Network:
    """The addresses of the machine, the one that most others know first, and its local domains."""

    addresses: tuple[Address, ...] = ()
    domains: tuple[str, ...] = ()


def read_network(folder: Path = NETWORK) -> Network:
    """Return what the kernel says now. A file that cannot be read counts as empty."""
    v4 = addresses_v4(_text(folder / "fib_trie"), _text(folder / "route"))
    v6 = addresses_v6(_text(folder / "if_inet6"))
    return Network((*v4, *v6), domains_of(_text(_RESOLVER)))


def names_of(settings: Settings, network: Network, hosts: str | None = None) -> tuple[str, ...]:
    """Return all names and addresses that others may use, the chosen name first.

    `hosts` is the text of /etc/hosts, whose further names of this machine count as well.
    """
    text = _text(_HOSTS) if hosts is None else hosts
    host = settings.host
    named = [host, *settings.host_names, *aliases_of(host, text)]
    if "." not in host and ":" not in host:
        # How a neighbour may know it: by a name server of the house, or by multicast DNS.
        named += [f"{host}.{domain}" for domain in (*network.domains, "local")]
    bound = () if settings.packaged else (settings.bind,)
    return all_canonical((*named, *map(str, network.addresses), *bound))


def reachable_host(settings: Settings, network: Network) -> str:
    """Return the host of links that other computers open: a name that they resolve, or an address.

    A name without a domain is known to this machine only, unless its name server serves the house.
    """
    is_known = "." in settings.host or ":" in settings.host or not network.addresses
    return settings.host if is_known else _in_link(network.addresses[0])


def reachable(settings: Settings) -> Settings:
    """Return the settings with a host that other computers resolve, for links.

    In a clone its addresses are those of `bind`, whatever its host.
    """
    if not settings.packaged:
        return settings
    return replace(settings, host=reachable_host(settings, read_network()))


def addresses_v4(trie: str, routes: str) -> tuple[IPv4Address, ...]:
    """Return the addresses in fib_trie, those of the interface with the default route first."""
    found: list[IPv4Address] = []
    address = ""
    for line in trie.splitlines():
        if leaf := re.fullmatch(r"\s*\|-- (\S+)", line):
            address = leaf[1]
        elif line.split() == ["/32", "host", "LOCAL"]:
            found.append(IPv4Address(address))
    near = _near_networks(routes)
    way_out = _way_out(routes)

    def is_on(address: IPv4Address, interfaces: Iterable[str]) -> bool:
        return any(address in network for name in interfaces for network in near.get(name, ()))

    inside = [name for name in near if name.startswith(_INSIDE)]
    known = [each for each in dict.fromkeys(found) if _is_reachable(each)]
    known = [each for each in known if not is_on(each, inside)]
    return tuple(sorted(known, key=lambda each: not is_on(each, way_out)))


def addresses_v6(interfaces: str) -> tuple[IPv6Address, ...]:
    """Return the lasting addresses in if_inet6 that are valid beyond their link."""
    found = []
    for line in interfaces.splitlines():
        digits, _, _, scope, flags, name = line.split()
        is_lasting = int(scope, 16) == _GLOBAL_SCOPE and not int(flags, 16) & _PASSING
        if is_lasting and not name.startswith(_INSIDE):
            found.append(IPv6Address(int(digits, 16)))
    return tuple(found)


def domains_of(resolver: str) -> tuple[str, ...]:
    """Return the domains in which resolv.conf completes names."""
    lines = [line.split() for line in resolver.splitlines()]
    found = [line[1:] for line in lines if line and line[0] in {"search", "domain"}]
    return tuple(domain.strip(".") for line in found[-1:] for domain in line if domain.strip("."))


def aliases_of(host: str, hosts: str) -> tuple[str, ...]:
    """Return the other names that /etc/hosts has for this host, its full name for example."""
    lines = [line.partition("#")[0].split()[1:] for line in hosts.splitlines()]
    found = (name for names in lines if host in names for name in names)
    return tuple(name for name in dict.fromkeys(found) if not name.startswith("localhost"))


def _way_out(routes: str) -> Sequence[str]:
    """Return the interface with the default route; none has one without a router."""
    rows = [line.split() for line in routes.splitlines()[1:]]
    found = sorted((int(row[6]), row[0]) for row in rows if row[1] == row[7] == _ANY)
    return [name for _, name in found[:1]]


def _near_networks(routes: str) -> Mapping[str, Sequence[IPv4Network]]:
    """Return the networks of each interface that are reached without a router."""
    found: dict[str, list[IPv4Network]] = {}
    for name, target, router, *_, mask, _, _, _ in map(str.split, routes.splitlines()[1:]):
        if router == _ANY and mask != _ANY:
            network = IPv4Network((_number(target) & _number(mask), _number(mask).bit_count()))
            found.setdefault(name, []).append(network)
    return found


def _number(digits: str) -> int:
    """Return an address as route has it: in the order of the processor's bytes."""
    return int.from_bytes(int(digits, 16).to_bytes(4, "little"), "big")


def _is_reachable(address: IPv4Address) -> bool:
    return not (address.is_loopback or address.is_link_local or address.is_unspecified)


def _in_link(address: Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
