"""Requests that no browser sends: refused in a person's words, and no traceback in the log."""

from __future__ import annotations

import codecs
import gzip
from urllib.parse import urlencode

import pytest

from tests.http.conftest import Browser

FORM = "application/x-www-form-urlencoded"
FILES = b'--a\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nx\r\n--a--\r\n'


@pytest.mark.parametrize("cookie", ["cloister_session", "cloister_visitor", "cloister_flash"])
@pytest.mark.usefixtures("olga")
async def test_a_cookie_that_is_no_text_means_nothing(nobody: Browser, cookie: str) -> None:
    headers = {"Cookie": f"{cookie}=good.\udcff\udcfe"}
    assert (await nobody.get("/sign-in", headers=headers)).status == 200


@pytest.mark.parametrize("sent", ["\u00e9", "\udcff"])
async def test_a_form_token_that_is_no_text_is_refused(nobody: Browser, sent: str) -> None:
    answer = await nobody.client.post("/sign-in", headers={"X-CSRF-Token": sent})
    assert answer.status == 403


async def test_an_api_key_that_is_no_text_is_refused(nobody: Browser) -> None:
    headers = {"Authorization": "Bearer \udcff\udcfe"}
    assert (await nobody.get("/api/documents", headers=headers)).status == 401


@pytest.mark.parametrize(
    "content_type",
    [
        f"{FORM}; charset=nonsense",
        f"{FORM}; charset=punycode",
        f"{FORM}; charset=unicode_escape",
        f"{FORM}; charset*=punycode''x",
        "application/json",
    ],
)
async def test_a_body_that_is_no_form_of_ours_is_a_bad_request(
    nobody: Browser, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    fields = {"name": "olga", "password": "x", "csrf": await nobody.token()}
    body = urlencode(fields).encode()
    assert (await nobody.client.post("/sign-in", data=body, headers=headers)).status == 400
    headers = {"Content-Type": f'{FORM};charset="UTF-8"'}
    assert (await nobody.client.post("/sign-in", data=body, headers=headers)).status == 401


@pytest.mark.parametrize("body", [b"csrf=\xff", b"&" * 1000], ids=["no UTF-8", "a thousand fields"])
async def test_a_form_that_no_page_of_ours_sends_is_a_bad_request(
    nobody: Browser, body: bytes
) -> None:
    headers = {"Content-Type": FORM}
    assert (await nobody.client.post("/sign-in", data=body, headers=headers)).status == 400


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("multipart/form-data; boundary=a", FILES), ("multipart/form-data", b"x")],
)
async def test_files_are_refused_before_anybody_knows_who_sends_them(
    nobody: Browser, content_type: str, body: bytes
) -> None:
    headers = {"Content-Type": content_type}
    answer = await nobody.client.post("/sign-in", data=body, headers=headers)
    assert answer.status == 422
    assert "This form takes no files." in await answer.text()


async def test_no_codec_is_asked_that_a_client_names(nobody: Browser) -> None:
    """Punycode, say, takes seconds for a hundred kilobytes, and the server serves nobody then."""
    asked: list[str] = []
    note = asked.append
    codecs.register(note)
    try:
        headers = {"Content-Type": f"{FORM}; charset=slow"}
        await nobody.client.post("/sign-in", data=b"csrf=x", headers=headers)
    finally:
        codecs.unregister(note)
    assert "slow" not in asked


@pytest.mark.parametrize("path", ["/sign-in", "/library", "/api/documents", "/v1/embeddings"])
async def test_a_compressed_body_is_refused(nobody: Browser, path: str) -> None:
    headers = {"Content-Type": FORM, "Content-Encoding": "gzip"}
    compressed = gzip.compress(b"csrf=x")
    answer = await nobody.client.post(path, data=compressed, headers=headers)
    assert answer.status == 415
    assert "does not decompress" in await answer.text()
