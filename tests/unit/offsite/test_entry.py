"""What an operator types becomes a target, or a sentence for each wrong field."""

from __future__ import annotations

import pytest

from appliance.offsite.entry import target_from
from appliance.offsite.errors import TargetInvalidError
from appliance.offsite.model import Target, TargetKind

FOLDER = {"kind": "folder", "place": "/mnt/disk/cloister"}
SFTP = {"kind": "sftp", "place": "sftp://h.example/copy", "user": "u", "secret": "s"}
REST = {"kind": "rest-server", "place": "https://h.example:8000/c/", "user": "u", "secret": "s"}
S3 = {
    "kind": "s3",
    "endpoint": "https://s3.example",
    "bucket": "copies",
    "prefix": "a/b",
    "user": "id",
    "secret": "s",
}


def problems(typed: dict[str, str], before: Target | None = None) -> dict[str, str]:
    """Return the fields that are wrong, with their sentences."""
    try:
        target_from(1, typed, before)
    except TargetInvalidError as error:
        return dict(error.fields)
    return {}


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        (FOLDER, "/mnt/disk/cloister"),
        ({**FOLDER, "place": " /srv/b//c/ "}, "/srv/b/c"),
        (SFTP, "sftp://h.example/copy"),
        (REST, "https://h.example:8000/c/"),
        ({**REST, "place": "http://127.0.0.1:8000/"}, "http://127.0.0.1:8000/"),
        (S3, "https://s3.example/copies/a/b"),
        ({**S3, "prefix": ""}, "https://s3.example/copies"),
    ],
)
def test_it_becomes_a_place(typed: dict[str, str], place: str) -> None:
    assert target_from(3, typed).place == place


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"kind": "tape"}, "kind"),
        ({**FOLDER, "place": "/etc"}, "place"),
        ({**FOLDER, "place": "/mnt"}, "place"),
        ({**FOLDER, "place": "/mnt/."}, "place"),
        ({**FOLDER, "place": "/mnt/../etc"}, "place"),
        ({**FOLDER, "place": "/mnt/a\nb"}, "place"),
        ({**SFTP, "place": "sftp://h.example"}, "place"),
        ({**SFTP, "place": "sftp://u:p@h.example/c"}, "place"),
        ({**SFTP, "place": "sftp://h.example:99999/c"}, "place"),
        ({**SFTP, "place": "https://h.example/c"}, "place"),
        ({**SFTP, "user": ""}, "user"),
        ({**SFTP, "secret": " "}, "secret"),
        ({**SFTP, "identity": "SHA256:abc"}, "identity"),
        ({**REST, "place": "http://h.example/"}, "place"),
        ({**REST, "place": "http://192.168.0.2/"}, "place"),
        ({**REST, "place": "https://h.example/?a"}, "place"),
        ({**REST, "place": "https://"}, "place"),
        ({**REST, "user": "a:b"}, "user"),
        ({**REST, "secret": ""}, "secret"),
        ({**REST, "identity": "12:34"}, "identity"),
        ({**S3, "bucket": "ab"}, "bucket"),
        ({**S3, "bucket": "A.bucket"}, "bucket"),
        ({**S3, "endpoint": "s3.example"}, "endpoint"),
        ({**S3, "endpoint": "https://s3.example/path"}, "endpoint"),
        ({**S3, "prefix": "a/../b"}, "prefix"),
        ({**S3, "identity": "ab"}, "identity"),
        ({**S3, "region": "EU 1"}, "region"),
        ({**FOLDER, "limit": "-1"}, "limit"),
        ({**FOLDER, "limit": "9" * 5000}, "limit"),
        ({**FOLDER, "opens": "25:00", "closes": "03:00"}, "opens"),
        ({**FOLDER, "opens": "22:00"}, "closes"),
        ({**FOLDER, "opens": "22:00", "closes": "22:00"}, "closes"),
        ({**FOLDER, "name": "x" * 201}, "name"),
    ],
)
def test_a_wrong_field_is_named(typed: dict[str, str], field: str) -> None:
    assert list(problems(typed)) == [field]


def test_all_wrong_fields_are_named_at_once() -> None:
    typed = {**S3, "bucket": "x", "user": "", "limit": "much"}
    assert set(problems(typed)) == {"bucket", "user", "limit"}


def test_fingerprints_are_kept_in_one_form() -> None:
    digits = "ab" * 32
    typed = {**REST, "identity": ":".join(["AB"] * 32)}
    assert target_from(1, typed).identity == digits


def test_a_private_key_keeps_its_lines() -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\r\nabc\r\n-----END OPENSSH PRIVATE KEY-----\r\n"
    secret = target_from(1, {**SFTP, "secret": key}).secret
    assert secret.splitlines()[1] == "abc"
    assert secret.endswith("-----\n")
    assert "\r" not in secret


def test_a_kept_secret_never_goes_to_another_place_or_user() -> None:
    before = target_from(1, REST)
    without = {**REST, "secret": ""}
    assert target_from(1, {**without, "limit": "100"}, before).secret == "s"
    for change in (
        {"place": "https://thief.example/"},
        {"user": "other"},
        {"kind": "sftp", "place": "sftp://h.example/c"},
    ):
        assert "secret" in problems({**without, **change}, before)


def test_a_target_does_not_show_its_secret() -> None:
    target = target_from(2, {**S3, "secret": "hush-hush"})
    assert target.kind is TargetKind.S3
    assert "hush" not in repr(target)
    assert "hush" not in str(target)
