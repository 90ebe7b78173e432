"""Forms with files, as browsers send them and as nobody should."""

from __future__ import annotations

import pytest

from appliance.core.errors import InvalidInputError
from appliance.web.errors import BadRequestError
from appliance.web.multipart import parts_of

KIND = "multipart/form-data; boundary=----WebKitFormBoundaryx7"
BOUNDARY = b"------WebKitFormBoundaryx7"


def form(*parts: tuple[bytes, bytes], end: bytes = b"--\r\n") -> bytes:
    body = b"".join(
        BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts
    )
    return body + BOUNDARY + end


def named(name: bytes, more: bytes = b"") -> bytes:
    return b'Content-Disposition: form-data; name="' + name + b'"' + more


def test_fields_and_files_are_found_by_their_names() -> None:
    binary = bytes(range(256)) + b"\r\n--not the boundary\r\n\r\n"
    file = named(
        b"certificate", b'; filename="a; name=b.p12"\r\nContent-Type: application/x-pkcs12'
    )
    body = form((named(b"csrf"), b"abc"), (file, binary), (named(b"password"), "ü".encode()))
    assert parts_of(KIND, body) == {
        "csrf": b"abc",
        "certificate": binary,
        "password": "ü".encode(),
    }


def test_a_name_behind_the_file_s_counts_and_the_first_of_equal_names() -> None:
    turned = b'content-disposition: form-data; filename="x.pem"; name="certificate"'
    assert parts_of(KIND, form((turned, b"1"), (named(b"certificate"), b"2"))) == {
        "certificate": b"1"
    }


def test_a_form_may_be_empty_and_its_boundary_quoted() -> None:
    assert parts_of(KIND.replace("=", '="') + '"', form()) == {}


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_another_kind_of_form_is_refused(kind: str) -> None:
    with pytest.raises(InvalidInputError):
        parts_of(kind, b"")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        form((named(b"a"), b"1"))[:-4],
        form((named(b"a"), b"1"), end=b""),
        form((b"X: 1", b"1")),
        form((named(b""), b"1")),
        form((named(b"a" * 200), b"1")),
        form((named(b"a", b"\r\nX: 1" * 1000), b"1")),
        BOUNDARY + b"\r\n" + named(b"a") + b"\r\n" + BOUNDARY + b"--\r\n",
        form(*[(named(b"a"), b"1")] * 21),
    ],
    ids=[
        *("nothing", "text", "half", "no end", "no name", "empty name", "long name"),
        *("long head", "no content", "many parts"),
    ],
)
def test_what_no_browser_sends_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        parts_of(KIND, body)
