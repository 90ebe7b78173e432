"""Requests that no browser sends: refused in a person's words, and no traceback in the log."""

from __future__ import annotations

import gzip

import pytest

from tests.http.conftest import Browser

FORM = "application/x-www-form-urlencoded"
NESTED = b"--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n--a--"
ENCODED = (
    b'--a\r\nContent-Disposition: form-data; name="csrf"\r\n'
    b"Content-Transfer-Encoding: zork\r\n\r\nx\r\n--a--\r\n"
)


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
    ("content_type", "body"),
    [
        (f"{FORM}; charset=nonsense", b"csrf=x"),
        ("multipart/form-data", b"x"),
        (f"multipart/form-data; boundary={'x' * 100}", b"x"),
        ("multipart/form-data; boundary=a", NESTED),
        ("multipart/form-data; boundary=a", ENCODED),
    ],
)
async def test_a_body_that_is_no_form_is_a_bad_request(
    nobody: Browser, content_type: str, body: bytes
) -> None:
    headers = {"Content-Type": content_type}
    assert (await nobody.client.post("/sign-in", data=body, headers=headers)).status == 400


async def test_a_body_that_cannot_be_unpacked_is_a_bad_request(nobody: Browser) -> None:
    headers = {"Content-Type": FORM, "Content-Encoding": "gzip"}
    broken = gzip.compress(b"csrf=x")[5:]
    answer = await nobody.client.post("/sign-in", data=broken, headers=headers)
    assert answer.status == 400
