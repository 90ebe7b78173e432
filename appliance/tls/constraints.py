"""Which names an authority may certify: the name constraints of RFC 5280, 4.2.1.10."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

from cryptography import x509

from appliance.tls.names import address_of

Network = IPv4Network | IPv6Network

# What private networks use according to RFC 6762, appendix G, RFC 6761 and RFC 8375. The public
# DNS delegates none of them, so nothing public can be imitated below them.
PRIVATE_DOMAINS = (
    *("localhost", "local", "internal", "intranet", "private", "corp", "home", "lan"),
    "home.arpa",
)
# Loopback, private, shared and link-local addresses: they mean another machine in each network.
PRIVATE_NETWORKS = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)
# What a provider gives to one site: the addresses in it change by themselves.
_SITE_BITS = 64


def constraints_for(names: Iterable[str]) -> x509.NameConstraints:
    """Return constraints for canonical names, what is below them, and what is private.

    Of a public IPv6 address the network of its site is permitted, of an IPv4 address it alone.
    """
    listed = tuple(names)
    hosts = [name for name in listed if address_of(name) is None]
    domains = (*hosts, *PRIVATE_DOMAINS)
    networks = [ip_network(each) for each in PRIVATE_NETWORKS]
    for name in listed:
        if (own := _network_of(name)) and not any(_contains(each, own) for each in networks):
            networks.append(own)
    return x509.NameConstraints(
        permitted_subtrees=[
            *map(x509.DNSName, dict.fromkeys(domains)),
            *map(x509.IPAddress, networks),
        ],
        excluded_subtrees=None,
    )


def permits(constraints: x509.NameConstraints | None, name: str) -> bool:
    """Say whether an authority with these constraints may certify a canonical name."""
    if constraints is None:
        return True
    if any(_is_within(each, name) for each in constraints.excluded_subtrees or ()):
        return False
    kind = x509.DNSName if address_of(name) is None else x509.IPAddress
    of_kind = [each for each in constraints.permitted_subtrees or () if isinstance(each, kind)]
    return not of_kind or any(_is_within(each, name) for each in of_kind)


def _is_within(subtree: x509.GeneralName, name: str) -> bool:
    match subtree:
        case x509.DNSName(value=domain):
            parent = domain.lower().removeprefix(".")
            is_below = not parent or name.endswith(f".{parent}")
            return address_of(name) is None and (is_below or name == domain.lower())
        case x509.IPAddress(value=IPv4Network() | IPv6Network() as network):
            address = address_of(name)
            return address is not None and address in network
        case _:
            return False


def _network_of(name: str) -> Network | None:
    address = address_of(name)
    if address is None:
        return None
    bits = _SITE_BITS if address.version == 6 else address.max_prefixlen
    return ip_network((address, bits), strict=False)


def _contains(network: Network, other: Network) -> bool:
    return network.version == other.version and other.network_address in network
