"""Certificates of a real ACME server: names that work, names that do not, and who may order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography import x509

from appliance.acme.errors import (
    AccountGoneError,
    AcmeRequestError,
    BindingNeededError,
    BindingRefusedError,
    TermsChangedError,
    TermsNotAcceptedError,
)
from appliance.acme.model import Refusal
from appliance.core.settings import Settings
from tests.fakes.acme import (
    BLOCKED,
    CUSTOMER,
    TERMS,
    Pebble,
    csr_for,
    deactivate_account,
    names_of,
    running_pebble,
)
from tests.integration.acme.conftest import Asking, Site, serving

NAME, OTHER = "chat.example", "www.chat.example"


def only_account(settings: Settings) -> Path:
    (account,) = settings.acme.iterdir()
    return account


async def test_it_says_what_the_authority_wants(ask: Asking) -> None:
    assert await ask("look") == {"terms": TERMS, "website": "", "needs_binding": False}


async def test_a_certificate_is_issued_for_all_names(ask: Asking, site: Site) -> None:
    answer = await ask.issue(NAME, OTHER)
    leaf, *issuers = x509.load_pem_x509_certificates(answer.chain)
    assert names_of(leaf) == {NAME, OTHER}
    assert issuers
    assert answer.failed == ()
    assert site.asked


async def test_no_proof_stays_behind_and_the_key_of_the_account_is_private(
    ask: Asking, site: Site
) -> None:
    await ask.issue(NAME)
    assert list(ask.settings.acme_challenges.iterdir()) == []
    assert only_account(ask.settings).stat().st_mode & 0o077 == 0


async def test_proofs_that_a_killed_run_has_left_are_removed(ask: Asking, site: Site) -> None:
    ask.settings.acme_challenges.mkdir(parents=True)
    (ask.settings.acme_challenges / "old").write_text("old")
    await ask.issue(NAME)
    assert list(ask.settings.acme_challenges.iterdir()) == []


async def test_the_account_is_made_once(ask: Asking, site: Site) -> None:
    await ask.issue(NAME)
    before = only_account(ask.settings).read_text()
    await ask.issue(NAME)
    assert only_account(ask.settings).read_text() == before


async def test_a_name_that_fails_keeps_no_other_from_being_validated(
    ask: Asking, pebble: Pebble, site: Site
) -> None:
    pebble.hide("hidden.chat.example")
    answer = await ask.issue("hidden.chat.example", NAME, OTHER)
    assert answer.chain == b""
    assert answer.working == (NAME, OTHER)
    (failure,) = answer.failed
    assert failure.name == "hidden.chat.example"
    assert failure.detail
    asked = site.asked
    # What was validated stays valid: the order for the others needs no further proof.
    again = await ask.issue(*answer.working)
    assert names_of(x509.load_pem_x509_certificate(again.chain)) == {NAME, OTHER}
    assert site.asked == asked


async def test_a_name_at_another_machine_is_unreachable(
    ask: Asking, pebble: Pebble, site: Site
) -> None:
    pebble.set_address("elsewhere.example", "127.9.9.9")
    answer = await ask.issue("elsewhere.example")
    assert [failure.refusal for failure in answer.failed] == [Refusal.UNREACHABLE]


async def test_another_answer_than_ours_is_wrong(ask: Asking, site: Site) -> None:
    site.rewrite = lambda content: content[::-1]
    answer = await ask.issue("wrong.example")
    assert [failure.refusal for failure in answer.failed] == [Refusal.WRONG_ANSWER]


async def test_a_name_that_the_authority_refuses_is_found_among_others(
    ask: Asking, site: Site
) -> None:
    answer = await ask.issue(NAME, BLOCKED)
    assert answer.working == (NAME,)
    assert [(failure.name, failure.refusal) for failure in answer.failed] == [
        (BLOCKED, Refusal.REJECTED)
    ]


async def test_an_address_is_a_name_too(ask: Asking, site: Site) -> None:
    answer = await ask.issue("127.0.0.1")
    assert names_of(x509.load_pem_x509_certificate(answer.chain)) == {"127.0.0.1"}


async def test_http_proves_no_name_with_an_asterisk(ask: Asking, site: Site) -> None:
    answer = await ask.issue("*.chat.example")
    assert [(failure.name, failure.refusal) for failure in answer.failed] == [
        ("*.chat.example", Refusal.NO_CHALLENGE)
    ]


async def test_terms_have_to_be_accepted_by_their_address(ask: Asking) -> None:
    with pytest.raises(TermsNotAcceptedError) as none:
        await ask("register", terms="")
    assert TERMS in none.value.message
    with pytest.raises(TermsChangedError):
        await ask("register", terms="https://ca.example/other-terms")
    assert not list(ask.settings.acme.iterdir())


async def test_other_terms_stop_no_renewal_and_are_reported(ask: Asking, site: Site) -> None:
    await ask("register")
    answer = await ask.issue(NAME, terms="https://ca.example/former-terms")
    assert answer.chain
    assert answer.new_terms == TERMS
    assert (await ask.issue(NAME)).new_terms == ""


async def test_an_account_keeps_its_key_when_its_contact_changes(ask: Asking) -> None:
    await ask("register", contact=["ada@chat.example"])
    before = json.loads(only_account(ask.settings).read_text())
    found = await ask("register", contact=["olga@chat.example"])
    assert json.loads(only_account(ask.settings).read_text()) == before
    assert found == {"account": before["address"]}


async def test_a_deactivated_account_is_named_and_replaced_when_it_is_set_up_again(
    ask: Asking, pebble: Pebble, site: Site
) -> None:
    await ask("register")
    before = json.loads(only_account(ask.settings).read_text())
    await deactivate_account(ask.settings, pebble)
    with pytest.raises(AccountGoneError):
        await ask.issue(NAME)
    await ask("register")
    after = json.loads(only_account(ask.settings).read_text())
    assert after["address"] != before["address"]
    assert (await ask.issue(NAME)).chain


async def test_an_authority_that_has_lost_the_account_gets_it_again(
    ask: Asking, tmp_path: Path
) -> None:
    """An internal authority that was installed again knows no one."""
    folder = tmp_path / "pebble"
    with running_pebble(folder / "first") as first:
        async with serving(ask.settings, first.web_port, Site()):
            assert (await ask.at(first).issue(NAME)).chain
    with running_pebble(folder / "second", like=first) as second:
        assert second.directory == first.directory
        async with serving(ask.settings, second.web_port, Site()):
            assert (await ask.at(second).issue(NAME)).chain


async def test_nonces_that_are_refused_again_and_again_are_no_obstacle(
    ask: Asking, tmp_path: Path
) -> None:
    with running_pebble(tmp_path / "pebble", bad_nonces=40) as picky:
        async with serving(ask.settings, picky.web_port, Site()):
            assert (await ask.at(picky).issue(NAME, OTHER)).chain


async def test_a_customer_needs_the_key_that_the_authority_gave(
    ask: Asking, tmp_path: Path
) -> None:
    key_id, secret = CUSTOMER
    with running_pebble(tmp_path / "pebble", needs_binding=True) as closed:
        bound = ask.at(closed)
        with pytest.raises(BindingNeededError):
            await bound("register")
        with pytest.raises(BindingNeededError):
            await bound.issue(NAME)
        for wrong in (("customer-2", secret), (key_id, secret[::-1]), (key_id, "no base64!")):
            with pytest.raises(BindingRefusedError):
                await bound("register", binding={"key_id": wrong[0], "secret": wrong[1]})
        await bound("register", binding={"key_id": key_id, "secret": secret})
        async with serving(ask.settings, closed.web_port, Site()):
            assert (await bound.issue(NAME)).chain
        # With the account that is there, its contact can be changed without the key.
        await bound("register", contact=["ada@chat.example"])
    assert secret not in only_account(ask.settings).read_text()


async def test_accounts_can_be_forgotten(ask: Asking) -> None:
    await ask("register")
    assert await ask("forget") == {"forgotten": 1}
    assert not list(ask.settings.acme.iterdir())


@pytest.mark.parametrize(
    "wrong", [{"work": "unknown"}, {"challenge": "tls-alpn-01"}, {"csr": "no request"}]
)
async def test_a_request_that_makes_no_sense_is_refused(ask: Asking, wrong: dict[str, str]) -> None:
    request = {"work": "issue", "csr": csr_for([NAME]).decode(), **wrong}
    with pytest.raises(AcmeRequestError):
        await ask(**request)
