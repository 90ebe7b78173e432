"""Names of hosts, what covers them, and what an authority's constraints permit."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from cryptography import x509

from appliance.tls.constraints import constraints_for, permits
from appliance.tls.names import canonical, canonical_pattern, covers, nearly_covers


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Box.Example.", "box.example"),
        ("box", "box"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("例え.example", "xn--r8jz45g.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("10.0.0.5", "10.0.0.5"),
        ("[2001:DB8:0:0::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_names_have_one_form(text: str, name: str) -> None:
    assert canonical(text) == name
    assert canonical(name) == name


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", "a..b", "-a", "a b", "a/b", "a:b", "*.example", "\x00", "\ud800.example"),
        *("x" * 64, "a." * 130, "ü" * 64 + ".example", "a\u0301" * 4000, "\u200d.example"),
    ],
)
def test_what_is_no_name_has_none(text: str) -> None:
    assert canonical(text) is None


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("*.Example", "*.example"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("box.example", "box.example"),
        ("*.10.0.0.5", None),
        ("*.*.example", None),
        ("*", None),
        ("*.", None),
    ],
)
def test_a_pattern_may_begin_with_a_wildcard(text: str, pattern: str | None) -> None:
    assert canonical_pattern(text) == pattern


@pytest.mark.parametrize(
    ("pattern", "name", "is_covered", "is_near"),
    [
        ("*.example.org", "a.example.org", True, False),
        ("*.example.org", "example.org", False, True),
        ("*.example.org", "a.b.example.org", False, True),
        ("*.example.org", "a.example.com", False, False),
        ("*.example.org", "aexample.org", False, False),
        ("a.example.org", "b.example.org", False, False),
    ],
)
def test_a_wildcard_stands_for_one_label(
    pattern: str, name: str, *, is_covered: bool, is_near: bool
) -> None:
    assert covers(pattern, name) == is_covered
    assert nearly_covers(pattern, name) == is_near


FOREIGN = x509.NameConstraints(
    permitted_subtrees=[x509.DNSName("example.org"), x509.IPAddress(ip_network("10.0.0.0/8"))],
    excluded_subtrees=[x509.DNSName("secret.example.org")],
)


@pytest.mark.parametrize(
    ("name", "is_permitted"),
    [
        ("example.org", True),
        ("a.example.org", True),
        ("aexample.org", False),
        ("secret.example.org", False),
        ("a.secret.example.org", False),
        ("10.9.9.9", True),
        ("11.0.0.1", False),
        ("fd00::1", False),
    ],
)
def test_the_constraints_of_other_authorities_are_understood(
    name: str, *, is_permitted: bool
) -> None:
    assert permits(FOREIGN, name) == is_permitted


def test_a_kind_of_name_without_a_constraint_is_free() -> None:
    hosts = x509.NameConstraints([x509.DNSName("example.org")], None)
    assert permits(hosts, "8.8.8.8")
    assert not permits(hosts, "example.com")
    below = x509.NameConstraints([x509.DNSName(".example.org")], None)
    assert permits(below, "a.example.org")
    assert not permits(below, "example.org")
    nothing = x509.NameConstraints(None, [x509.DNSName("")])
    assert not permits(nothing, "example.org")
    assert permits(None, "example.org")


def test_constraints_name_each_network_once() -> None:
    found = constraints_for(["10.0.0.7", "2001:db8::7", "2001:db8::8", "203.0.113.9", "a.example"])
    listed = [str(each.value) for each in found.permitted_subtrees or ()]
    assert len(listed) == len(set(listed))
    assert {"2001:db8::/64", "203.0.113.9/32", "a.example"} <= set(listed)
    assert "10.0.0.7/32" not in listed
