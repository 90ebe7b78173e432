"""What an operator types to set ACME up, and a sentence for each field that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from appliance.acme.entry import binding_from, plan_from
from appliance.acme.errors import AcmeInvalidError
from appliance.acme.model import LETS_ENCRYPT, LETS_ENCRYPT_STAGING, ChallengeKind
from appliance.tls.authority import make_authority, make_leaf

DIRECTORY = "https://ca.example/acme/directory"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AUTHORITY = make_authority(["a.example"], NOW)
ROOT = AUTHORITY.certificate.decode()
LEAF = make_leaf(AUTHORITY, ["a.example"], NOW).certificate.decode()
SECRET = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


def problems(**typed: str) -> dict[str, str]:
    with pytest.raises(AcmeInvalidError) as found:
        plan_from({"directory": DIRECTORY, **typed})
    return dict(found.value.fields)


def test_only_a_directory_is_needed() -> None:
    plan = plan_from({"directory": f" {DIRECTORY} "})
    assert (plan.directory, plan.challenge, plan.names) == (DIRECTORY, ChallengeKind.HTTP, ())
    assert (plan.staging, plan.contact, plan.terms, plan.root) == ("", (), "", "")


def test_lets_encrypt_brings_its_staging_server() -> None:
    assert plan_from({"directory": LETS_ENCRYPT}).staging == LETS_ENCRYPT_STAGING
    own = plan_from({"directory": LETS_ENCRYPT, "staging": DIRECTORY})
    assert own.staging == DIRECTORY


@pytest.mark.parametrize(
    "directory",
    [
        "",
        "ca.example/directory",
        "http://ca.example/directory",
        "https:///directory",
        "https://ca.example:99999/directory",
        "https://ada:secret@ca.example/directory",
        "https://ca.example/directory#part",
        "https://ca.example/a b",
        f"https://ca.example/{'a' * 400}",
        "https://[::1/directory",
    ],
)
def test_an_address_that_is_none_is_marked(directory: str) -> None:
    assert set(problems(directory=directory)) == {"directory"}


def test_a_staging_address_is_judged_as_well() -> None:
    assert set(problems(staging="http://ca.example/")) == {"staging"}


def test_contacts_are_mail_addresses() -> None:
    plan = plan_from({"directory": DIRECTORY, "contact": "ada@a.example, mailto:olga@a.example"})
    assert plan.contact == ("ada@a.example", "olga@a.example")
    assert set(problems(contact="ada")) == {"contact"}
    assert set(problems(contact=" ".join(f"a{n}@a.example" for n in range(6)))) == {"contact"}


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("Chat.Example. chat.example", ("chat.example",)),
        ("bücher.example", ("xn--bcher-kva.example",)),
        ("10.0.0.5\n[fd00::5]", ("10.0.0.5", "fd00::5")),
        ("a.example,b.example", ("a.example", "b.example")),
    ],
)
def test_names_are_kept_as_they_are_sent(typed: str, names: tuple[str, ...]) -> None:
    assert plan_from({"directory": DIRECTORY, "names": typed}).names == names


@pytest.mark.parametrize(
    "name", ["-a.example", "a..example", "a_b!.example", f"{'a' * 64}.example", "a." * 130 + "b"]
)
def test_a_name_that_is_none_is_named(name: str) -> None:
    assert name in problems(names=name)["names"]


def test_each_way_of_proof_has_names_that_it_cannot_prove() -> None:
    assert "DNS-01" in problems(names="*.chat.example")["names"]
    dns = {"challenge": "dns-01", "hook": "publish"}
    assert "HTTP-01" in problems(names="10.0.0.5", **dns)["names"]
    plan = plan_from({"directory": DIRECTORY, "names": "*.chat.example", **dns})
    assert (plan.names, plan.hook) == (("*.chat.example",), "publish")


def test_a_certificate_has_a_hundred_names_at_most() -> None:
    names = " ".join(f"n{number}.example" for number in range(101))
    assert "100" in problems(names=names)["names"]


def test_a_way_of_proof_that_is_not_known_is_marked() -> None:
    assert set(problems(challenge="tls-alpn-01")) == {"challenge"}


@pytest.mark.parametrize("hook", ["", "../publish", "/usr/bin/true", "a b", ".hidden"])
def test_dns_needs_the_name_of_a_program(hook: str) -> None:
    assert set(problems(challenge="dns-01", hook=hook)) == {"hook"}


def test_a_root_is_the_certificate_of_an_authority() -> None:
    plan = plan_from({"directory": DIRECTORY, "root": ROOT.replace("\n", "\r\n")})
    assert plan.root == ROOT
    for wrong in ("no certificate", LEAF, "x" * 40_000):
        assert set(problems(root=wrong)) == {"root"}


def test_a_private_key_is_no_root_and_is_not_repeated() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMHcCAQEEI\n-----END PRIVATE KEY-----"
    found = problems(root=key + "\n" + ROOT)
    assert set(found) == {"root"}
    assert "MHcC" not in found["root"]


def test_all_that_is_wrong_is_said_at_once() -> None:
    assert set(problems(directory="", contact="ada", names="-")) == {
        "directory",
        "contact",
        "names",
    }


def test_a_binding_is_a_pair() -> None:
    assert binding_from({}) is None
    binding = binding_from({"key_id": " customer-1 ", "secret": f"{SECRET}+/=="})
    assert binding is not None
    # As the protocol writes it.
    assert (binding.key_id, binding.secret) == ("customer-1", f"{SECRET}-_")
    assert SECRET not in repr(binding)


@pytest.mark.parametrize(
    ("key_id", "secret", "wrong"),
    [
        ("customer-1", "", {"secret"}),
        ("", SECRET, {"key_id"}),
        ("customer 1", SECRET, {"key_id"}),
        ("customer-1", "short", {"secret"}),
        ("customer-1", f"{SECRET} {SECRET}", {"secret"}),
        ("customer-1", "a" * 2000, {"secret"}),
    ],
)
def test_half_a_binding_is_none(key_id: str, secret: str, wrong: set[str]) -> None:
    with pytest.raises(AcmeInvalidError) as found:
        binding_from({"key_id": key_id, "secret": secret})
    assert set(found.value.fields) == wrong
    assert SECRET not in str(found.value)
