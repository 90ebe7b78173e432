"""Make a target of what an operator typed, or say for each field what is wrong with it. Pure."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time
from urllib.parse import SplitResult, urlsplit

from appliance.core.variables import is_host
from appliance.offsite.errors import TargetInvalidError
from appliance.offsite.model import Target, TargetKind

FOLDERS = ("/mnt", "/media", "/srv")
_LONGEST = 200
_LONGEST_SECRET = 16 * 1024
_LARGEST_LIMIT = 10 * 1024 * 1024
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9!_.'()-]+(/[A-Za-z0-9!_.'()-]+)*")
_REGION = re.compile(r"[a-z0-9-]{2,32}")
_CERTIFICATE = re.compile(r"[0-9a-f]{64}")
_HOST_KEY = "SHA256:"


@dataclass(frozen=True, slots=True)
class _Fields:
    """What was typed, without blanks at its ends, and what is wrong with it."""

    typed: Mapping[str, str]
    problems: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return self.typed.get(name, "").strip()

    def wrong(self, name: str, sentence: str) -> str:
        self.problems.setdefault(name, sentence)
        return ""


def target_from(number: int, typed: Mapping[str, str], before: Target | None = None) -> Target:
    """Return the target that these fields describe. Raises TargetInvalidError.

    The fields are those of Target; for S3 `place` may be given as `endpoint`, `bucket` and
    `prefix`. An empty secret stands for that of `before`, unless another place or another account
    would get it.
    """
    given = _Fields(typed)
    kind = _kind(given)
    place = _PLACES[kind](given) if kind else ""
    target = Target(
        number=number,
        name=_name(given, kind),
        kind=kind or TargetKind.FOLDER,
        place=place,
        user=_user(given, kind),
        secret=_secret(given, kind, place, before),
        identity=_identity(given, kind),
        region=_region(given, kind),
        limit=_limit(given),
        opens=_time(given, "opens"),
        closes=_time(given, "closes"),
    )
    _expect_a_window(given, target)
    if given.problems:
        raise TargetInvalidError(given.problems)
    return target


def _expect_a_window(given: _Fields, target: Target) -> None:
    if {"opens", "closes"} & given.problems.keys():
        return
    if bool(target.opens) != bool(target.closes):
        given.wrong("closes", "Give both times, or none.")
    elif target.opens and target.opens == target.closes:
        given.wrong("closes", "The times must differ. Without both, copies are made at any time.")


def _kind(given: _Fields) -> TargetKind | None:
    try:
        return TargetKind(given.text("kind"))
    except ValueError:
        kinds = ", ".join(TargetKind)
        given.wrong("kind", f"Choose the kind of the target: {kinds}.")
        return None


def _name(given: _Fields, kind: TargetKind | None) -> str:
    name = given.text("name") or str(kind or "")
    if len(name) > _LONGEST or not name.isprintable():
        return given.wrong("name", f"A name has at most {_LONGEST} letters, in one line.")
    return name


def _folder(given: _Fields) -> str:
    place = given.text("place")
    parts = place.split("/")
    is_below = any(place.startswith(f"{folder}/") for folder in FOLDERS)
    if not is_below or ".." in parts or not place.isprintable() or len(place) > _LONGEST:
        places = f"{', '.join(FOLDERS[:-1])} or {FOLDERS[-1]}"
        return given.wrong(
            "place", f"The folder must be below {places}, such as /mnt/disk/cloister."
        )
    path = posixpath.normpath(place)
    if path in FOLDERS:
        return given.wrong("place", f"Choose a folder below {path}.")
    return path


def _sftp(given: _Fields) -> str:
    place = given.text("place")
    address = _address(place)
    if address is None or address.scheme != "sftp" or not address.path.strip("/"):
        return given.wrong(
            "place", "Enter an address such as sftp://backup.example:22/home/cloister/copy."
        )
    return _clean(given, "place", address)


def _rest(given: _Fields) -> str:
    address = _address(given.text("place"))
    if address is None or address.scheme not in {"https", "http"}:
        return given.wrong(
            "place", "Enter an address such as https://backup.example:8000/cloister/."
        )
    return _clean(given, "place", address)


def _s3(given: _Fields) -> str:
    if given.text("place") and not given.text("endpoint"):
        whole = _address(given.text("place"))
        bucket, _, prefix = (whole.path if whole else "").strip("/").partition("/")
        address = whole._replace(path="") if whole else None
    else:
        address = _address(given.text("endpoint"))
        bucket, prefix = given.text("bucket"), given.text("prefix").strip("/")
    endpoint = ""
    if address is None or address.scheme not in {"https", "http"} or address.path.strip("/"):
        given.wrong("endpoint", "Enter the address of the storage, such as https://s3.example.")
    else:
        endpoint = _clean(given, "endpoint", address).rstrip("/")
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        given.wrong(
            "bucket",
            "The name of a bucket has 3 to 63 characters: small letters, digits, dots and hyphens.",
        )
    if prefix and (not _PREFIX.fullmatch(prefix) or ".." in prefix.split("/")):
        given.wrong("prefix", "A prefix has letters and digits, with slashes between its parts.")
    return "/".join(part for part in (endpoint, bucket, prefix) if part)


_PLACES: Mapping[TargetKind, Callable[[_Fields], str]] = {
    TargetKind.FOLDER: _folder,
    TargetKind.SFTP: _sftp,
    TargetKind.REST: _rest,
    TargetKind.S3: _s3,
}


def _address(text: str) -> SplitResult | None:
    """Return the parts of an address; None when it is none."""
    try:
        address = urlsplit(text)
        known = address.port is None or address.port > 0
    except ValueError:
        return None
    if len(text) > _LONGEST or not text.isprintable() or " " in text:
        return None
    return address if known and is_host(address.hostname or "") else None


def _clean(given: _Fields, name: str, address: SplitResult) -> str:
    """Return the address; a password in it would be shown wherever the address is."""
    if address.username or address.password:
        return given.wrong(name, "Enter user and password in their own fields, not in the address.")
    if address.query or address.fragment:
        return given.wrong(name, "An address has neither a question mark nor a number sign.")
    if address.scheme == "http" and not _is_this_machine(address.hostname or ""):
        return given.wrong(
            name,
            "Use https: without it the password can be read on its way. A certificate that no "
            "authority vouches for is known by its fingerprint.",
        )
    return address.geturl()


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _user(given: _Fields, kind: TargetKind | None) -> str:
    user = given.text("user")
    if len(user) > _LONGEST or not user.isprintable():
        return given.wrong("user", f"A user has at most {_LONGEST} characters, in one line.")
    if kind is TargetKind.REST and ":" in user:
        return given.wrong("user", "This user cannot have a colon.")
    if kind in {TargetKind.SFTP, TargetKind.S3} and not user:
        words = {TargetKind.SFTP: "Enter the user.", TargetKind.S3: "Enter the access key's id."}
        return given.wrong("user", words[kind])
    return "" if kind is TargetKind.FOLDER else user


def _secret(given: _Fields, kind: TargetKind | None, place: str, before: Target | None) -> str:
    if kind in {TargetKind.FOLDER, None}:
        return ""
    secret = given.typed.get("secret", "").strip("\r\n")
    if not secret.strip() and before and before.secret:
        if (before.kind, before.place, before.user) != (kind, place, given.text("user")):
            return given.wrong("secret", "Enter it again: it would go to another place or user.")
        return before.secret
    if len(secret) > _LONGEST_SECRET:
        return given.wrong("secret", "This is too long for a password or a key.")
    if not secret.strip() and (kind is not TargetKind.REST or given.text("user")):
        given.wrong("secret", _ENTER_SECRET[kind or TargetKind.REST])
    return secret.replace("\r\n", "\n") + "\n" if "PRIVATE KEY" in secret else secret


_ENTER_SECRET = {
    TargetKind.SFTP: "Enter the password, or a private key without a passphrase.",
    TargetKind.REST: "Enter the password.",
    TargetKind.S3: "Enter the secret access key.",
}


def _identity(given: _Fields, kind: TargetKind | None) -> str:
    return _IDENTITIES[kind](given, given.text("identity")) if kind else ""


def _no_identity(_: _Fields, __: str) -> str:
    return ""


def _host_identity(given: _Fields, text: str) -> str:
    # Empty until the first try, which shows what the host proves itself with.
    if text and not _is_host_key(text):
        given.wrong("identity", "The fingerprint of a host's key is SHA256: and 43 characters.")
    return text


def _server_identity(given: _Fields, text: str) -> str:
    plain = text.lower().removeprefix("sha256:").replace(":", "")
    if plain and not _CERTIFICATE.fullmatch(plain):
        given.wrong(
            "identity", "The SHA-256 fingerprint of a certificate has 64 hexadecimal digits."
        )
    return plain


def _storage_identity(given: _Fields, text: str) -> str:
    if text:
        given.wrong(
            "identity",
            "An authority that this machine trusts must vouch for the certificate of the storage.",
        )
    return ""


_IDENTITIES: Mapping[TargetKind, Callable[[_Fields, str], str]] = {
    TargetKind.FOLDER: _no_identity,
    TargetKind.SFTP: _host_identity,
    TargetKind.REST: _server_identity,
    TargetKind.S3: _storage_identity,
}


def _is_host_key(text: str) -> bool:
    try:
        digest = base64.b64decode(text.removeprefix(_HOST_KEY) + "=", validate=True)
    except binascii.Error:
        return False
    return text.startswith(_HOST_KEY) and len(digest) == 32


def _region(given: _Fields, kind: TargetKind | None) -> str:
    region = given.text("region")
    if kind is not TargetKind.S3 or not region:
        return ""
    if not _REGION.fullmatch(region):
        return given.wrong("region", "A region has small letters, digits and hyphens.")
    return region


def _limit(given: _Fields) -> int:
    text = given.text("limit") or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= _LARGEST_LIMIT):
        given.wrong("limit", "Enter the limit as a whole number of KiB a second, 0 for none.")
        return 0
    return int(text)


def _time(given: _Fields, name: str) -> str:
    text = given.text(name)
    if not text:
        return ""
    try:
        return time.fromisoformat(text).replace(second=0, tzinfo=None).isoformat("minutes")
    except ValueError:
        return given.wrong(name, "Enter a time such as 22:30.")
