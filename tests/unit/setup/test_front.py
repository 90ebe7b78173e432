"""The fingerprint that people compare: of the certificate that is served, or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.setup.errors import FrontUnreachableError
from appliance.setup.front import open_front, served_fingerprint
from appliance.tls.published import CERTIFICATE as PUBLISHED

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBhDCCASugAwIBAgIUGEn0yH2Gcrr3JQphdhsVHZfdoIMwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNY2xvaXN0ZXIudGVzdDAeFw0yNjExMjkxMjMwMTRaFw0zNjEx
MjYxMjMwMTRaMBgxFjAUBgNVBAMMDWNsb2lzdGVyLnRlc3QwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAARThS78Zw//pwGlKZOlQlRfBgdOyAGJhW8EjYrvsuVQ6Wam
uf1Yf2UzsJ/ZOoilkojjyXPhP48i47AxApsfxHkso1MwUTAdBgNVHQ4EFgQUylU1
nwrCyzQ3v8FQHvnNyNDm5oIwHwYDVR0jBBgwFoAUylU1nwrCyzQ3v8FQHvnNyNDm
5oIwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiB1q026A9knMn5T
fjuHmmtz/h9JFwTVHkCTr0aNwU2mUAIgZY6LSAcFsHQxtCCnZXgnauLAWPUqNS4d
qdnJ4ysVzDE=
-----END CERTIFICATE-----
"""
# As `openssl x509 -fingerprint -sha256` prints it.
FINGERPRINT = (
    "C1:C4:F4:9B:FE:DD:24:EA:BE:84:96:F8:A0:3C:8B:1F:"
    "D0:5C:9F:44:53:C3:FA:71:2B:D9:A4:82:D3:A5:AD:B5"
)


async def test_it_is_that_of_the_published_certificate(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, packaged=True)
    path = settings.certificates / PUBLISHED
    path.parent.mkdir(parents=True)
    path.write_text(CERTIFICATE)
    assert await served_fingerprint(settings) == FINGERPRINT


async def test_none_is_named_where_no_certificate_is_served(tmp_path: Path) -> None:
    packaged = Settings(home=tmp_path, packaged=True)
    path = packaged.certificates / PUBLISHED
    assert await served_fingerprint(packaged) == ""
    path.parent.mkdir(parents=True)
    path.write_text("no certificate")
    assert await served_fingerprint(packaged) == ""
    path.write_text(CERTIFICATE)
    assert await served_fingerprint(replace(packaged, packaged=False, with_tls=True)) == FINGERPRINT
    assert await served_fingerprint(replace(packaged, packaged=False)) == ""


async def test_without_a_published_certificate_nothing_is_asked(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, packaged=True)
    with pytest.raises(FrontUnreachableError, match="no certificate is published"):
        async with open_front(settings):
            pass
