"""The names and addresses of a machine, read from files of its kernel."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.tls.addresses import (
    Network,
    addresses_v4,
    addresses_v6,
    aliases_of,
    domains_of,
    names_of,
    reachable_host,
    read_network,
)

TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 10.0.0.0
           /24 link UNICAST
        |-- 10.0.0.7
           /32 host LOCAL
        |-- 169.254.1.2
           /32 host LOCAL
        |-- 172.17.0.1
           /32 host LOCAL
        |-- 192.168.5.9
           /32 host LOCAL
        |-- 192.168.5.255
           /32 link BROADCAST
Local:
        |-- 10.0.0.7
           /32 host LOCAL
"""
HEAD = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
ROUTES = HEAD + "".join(
    f"{line}\n"
    for line in (
        "eth1 00000000 0105A8C0 0003 0 0 100 00000000 0 0 0",
        "eth0 00000000 0100000A 0003 0 0 600 00000000 0 0 0",
        "eth0 0000000A 00000000 0001 0 0 0 00FFFFFF 0 0 0",
        "docker0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0",
        "eth1 0005A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0",
    )
)
PACKAGED = Settings(Path("/home"), packaged=True, host="box")
FIRST = Network((ip_address("10.0.0.7"), ip_address("2001:db8::7")), ("house.example",))


def test_the_address_with_the_best_way_out_is_first_and_containers_are_left_out() -> None:
    found = [str(address) for address in addresses_v4(TRIE, ROUTES)]
    assert found == ["192.168.5.9", "10.0.0.7"]
    # Without a router, and without the table of routes, every address still counts.
    assert [str(each) for each in addresses_v4(TRIE, HEAD)] == [
        "10.0.0.7",
        "172.17.0.1",
        "192.168.5.9",
    ]
    assert addresses_v4(TRIE, "") == addresses_v4(TRIE, HEAD)
    assert addresses_v4("", "") == ()


def test_only_lasting_addresses_of_the_sixth_version_count() -> None:
    text = "".join(
        f"{digits} 02 40 {scope} {flags} {name}\n"
        for digits, scope, flags, name in (
            ("00000000000000000000000000000001", "10", "80", "lo"),
            ("fe800000000000000000000000000001", "20", "80", "eth0"),
            ("20010db8000000000000000000000007", "00", "00", "eth0"),
            ("20010db80000000000000000aaaaaaaa", "00", "01", "eth0"),
            ("20010db80000000000000000bbbbbbbb", "00", "20", "eth0"),
            ("20010db80000000000000000cccccccc", "00", "40", "eth0"),
            ("fd000000000000000000000000000009", "00", "80", "eth0"),
            ("fd0000000000000000000000000000aa", "00", "80", "docker0"),
        )
    )
    assert [str(each) for each in addresses_v6(text)] == ["2001:db8::7", "fd00::9"]


def test_a_name_without_a_domain_is_known_under_several() -> None:
    hosts = "127.0.0.1 localhost\n127.0.1.1 box.office.example box # the installer's\n"
    assert names_of(PACKAGED, FIRST, hosts) == (
        "box",
        "box.office.example",
        "box.house.example",
        "box.local",
        "10.0.0.7",
        "2001:db8::7",
    )


def test_chosen_names_come_first_and_what_is_no_name_is_left_out() -> None:
    settings = Settings(
        Path("/home"), packaged=True, host="box.example", host_names=("Chat.Example", "a b")
    )
    assert names_of(settings, Network(), "") == ("box.example", "chat.example")


def test_a_clone_has_the_address_on_which_it_listens() -> None:
    assert names_of(Settings(Path("/home"), host="box.example"), Network(), "") == (
        "box.example",
        "127.0.0.1",
    )


@pytest.mark.parametrize(
    ("host", "network", "expected"),
    [
        ("box.example", FIRST, "box.example"),
        ("10.0.0.9", FIRST, "10.0.0.9"),
        ("box", FIRST, "10.0.0.7"),
        ("box", Network((ip_address("2001:db8::7"),)), "[2001:db8::7]"),
        ("box", Network(), "box"),
    ],
)
def test_a_link_has_a_host_that_other_computers_reach(
    host: str, network: Network, expected: str
) -> None:
    settings = Settings(Path("/home"), packaged=True, host=host)
    assert reachable_host(settings, network) == expected


def test_domains_and_aliases_are_read_as_the_resolver_does() -> None:
    assert domains_of("nameserver 10.0.0.1\nsearch a.example b.example.\n") == (
        "a.example",
        "b.example",
    )
    assert domains_of("domain a.example\nsearch b.example\n") == ("b.example",)
    assert domains_of("search .\n") == ()
    assert aliases_of("box", "10.0.0.7 other\n::1 localhost box box.example\n") == (
        "box",
        "box.example",
    )


def test_the_network_of_this_very_machine_is_read_without_rights() -> None:
    found = read_network(Path(f"/proc/{os.getpid()}/net"))
    assert all(not address.is_loopback for address in found.addresses)
    assert read_network(Path("/nonexistent")).addresses == ()
