"""A private key that an operator uploaded is kept for one use, and not for long."""

from __future__ import annotations

import asyncio

from admin.checked_upload import CheckedUpload
from appliance.tls.upload import Upload

UPLOAD = Upload(b"certificate", b"SECRET", "password")


async def test_it_is_taken_once_by_its_token() -> None:
    kept = CheckedUpload()
    token = kept.keep(UPLOAD, is_answer=True).token
    assert kept.take("another") is None
    assert kept.take("\ud800") is None
    taken = kept.take(token)
    assert taken is not None
    assert taken.upload == UPLOAD
    assert taken.is_answer
    assert kept.take(token) is None


async def test_only_the_last_one_is_kept() -> None:
    kept = CheckedUpload()
    first = kept.keep(UPLOAD, is_answer=False).token
    second = kept.keep(UPLOAD, is_answer=False).token
    assert kept.take(first) is None
    assert kept.take(second) is not None


async def test_it_is_forgotten_after_a_while() -> None:
    kept = CheckedUpload(seconds=0)
    token = kept.keep(UPLOAD, is_answer=False).token
    # The loop calls what is due before it goes on here.
    await asyncio.sleep(0.001)
    assert kept.take(token) is None


async def test_no_log_shows_it() -> None:
    checked = CheckedUpload().keep(UPLOAD, is_answer=False)
    assert "SECRET" not in repr(checked)
    assert "password='" not in repr(checked)
    assert checked.token not in repr(checked)
