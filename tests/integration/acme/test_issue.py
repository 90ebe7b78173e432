"""Certificates of a real ACME server: names that work, names that do not, and who may order."""

from __future__ import annotations

from cryptography import x509

from tests.fakes.acme import TERMS, csr_for, names_of
from tests.integration.acme.conftest import Asking, Site


async def test_it_says_what_the_authority_wants(ask: Asking) -> None:
    assert await ask("look") == {"terms": TERMS, "website": "", "needs_binding": False}


async def test_a_certificate_is_issued_for_each_name(ask: Asking, site: Site) -> None:
    names = ("chat.example", "www.chat.example")
    found = await ask("issue", csr=csr_for(names).decode())
    leaf, *issuers = x509.load_pem_x509_certificates(str(found["chain"]).encode())
    assert names_of(leaf) == set(names)
    assert issuers
    assert found["failed"] == ()
    # No proof stays behind, and the account does.
    assert list(ask.settings.acme_challenges.iterdir()) == []
    (account,) = ask.settings.acme.iterdir()
    assert account.stat().st_mode & 0o077 == 0
