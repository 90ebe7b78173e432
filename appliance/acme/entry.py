"""What an operator types to set ACME up, read field by field, each with a sentence. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from cryptography import x509

from appliance.acme.errors import AcmeInvalidError
from appliance.acme.hook import NAME as HOOK_NAME
from appliance.acme.model import (
    LETS_ENCRYPT,
    LETS_ENCRYPT_STAGING,
    AcmePlan,
    Binding,
    ChallengeKind,
)
from appliance.core.variables import is_host

FIELDS = ("directory", "staging", "contact", "terms", "challenge", "names", "hook", "root")
BINDING_FIELDS = ("key_id", "secret")
_LONGEST_ADDRESS, _LONGEST_ROOT, _LONGEST_SECRET = 400, 32 * 1024, 1024
_MOST_CONTACTS, MOST_NAMES = 5, 100
_MAIL = re.compile(r"[^\s@,<>\"]{1,64}@[^\s@,<>\"]{1,200}")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_LONGEST_NAME = 253
# A pair that a customer gets: neither has a space, and the key is base64.
_KEY_ID = re.compile(r"[!-~]{1,400}")
_SECRET = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")


@dataclass(slots=True)
class _Fields:
    """What was typed, and what is wrong with it."""

    typed: Mapping[str, str]
    problems: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a field without white space around it."""
        return self.typed.get(name, "").strip()

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words of a field, with spaces, commas or lines between them."""
        return tuple(dict.fromkeys(self.text(name).replace(",", " ").split()))

    def wrong(self, name: str, sentence: str) -> None:
        """Mark a field; the first sentence stays."""
        self.problems.setdefault(name, sentence)


def plan_from(typed: Mapping[str, str]) -> AcmePlan:
    """Return the plan that was typed. Raises AcmeInvalidError with all that is wrong."""
    given = _Fields(typed)
    challenge = _challenge(given)
    directory = _address(given, "directory", needed=True)
    staging = _address(given, "staging", needed=False)
    if directory == LETS_ENCRYPT and not staging:
        staging = LETS_ENCRYPT_STAGING
    plan = AcmePlan(
        directory=directory,
        staging=staging,
        contact=_contact(given),
        terms=given.text("terms")[:_LONGEST_ADDRESS],
        challenge=challenge,
        names=_names(given, challenge),
        hook=_hook(given, challenge),
        root=_root(given),
    )
    if given.problems:
        raise AcmeInvalidError(given.problems)
    return plan


def binding_from(typed: Mapping[str, str]) -> Binding | None:
    """Return what binds an account to a contract; None where nothing was typed.

    Raises AcmeInvalidError.
    """
    given = _Fields(typed)
    key_id, secret = given.text("key_id"), given.text("secret")
    if not key_id and not secret:
        return None
    if not _KEY_ID.fullmatch(key_id):
        given.wrong("key_id", "Enter the key identifier that the authority gave, without spaces.")
    if len(secret) > _LONGEST_SECRET or not _SECRET.fullmatch(secret):
        given.wrong("secret", "Enter the key that the authority gave: letters and digits (base64).")
    if given.problems:
        raise AcmeInvalidError(given.problems)
    return Binding(key_id, secret.rstrip("=").translate(str.maketrans("+/", "-_")))


def _address(given: _Fields, name: str, *, needed: bool) -> str:
    text = given.text(name)
    if not text and not needed:
        return ""
    try:
        address = urlsplit(text)
        is_one = (address.port or 443) > 0 and is_host(address.hostname or "")
    except ValueError:
        is_one = False
        address = urlsplit("")
    if not is_one or len(text) > _LONGEST_ADDRESS or not text.isprintable() or " " in text:
        given.wrong(
            name, "Enter the address of the directory, such as https://ca.example/acme/directory."
        )
    elif address.scheme != "https":
        given.wrong(name, "The address begins with https: another machine could answer otherwise.")
    elif address.username or address.password or address.fragment:
        given.wrong(name, "The address of a directory has neither a user nor a number sign.")
    return text


def _challenge(given: _Fields) -> ChallengeKind:
    try:
        return ChallengeKind(given.text("challenge") or ChallengeKind.HTTP)
    except ValueError:
        given.wrong("challenge", f"Choose one of {', '.join(ChallengeKind)}.")
        return ChallengeKind.HTTP


def _contact(given: _Fields) -> tuple[str, ...]:
    found = tuple(word.removeprefix("mailto:") for word in given.words("contact"))
    if len(found) > _MOST_CONTACTS or not all(_MAIL.fullmatch(one) for one in found):
        given.wrong("contact", f"Enter up to {_MOST_CONTACTS} addresses, such as ada@example.org.")
    return found


def _names(given: _Fields, challenge: ChallengeKind) -> tuple[str, ...]:
    found = []
    for word in given.words("names"):
        name = _name(word)
        if name is None:
            given.wrong("names", f"“{word}” is neither a name nor an address.")
        elif challenge is ChallengeKind.HTTP and name.startswith("*."):
            given.wrong("names", f"{name} needs DNS-01: HTTP-01 proves no name with an asterisk.")
        elif challenge is ChallengeKind.DNS and _is_address(name):
            given.wrong("names", f"{name} needs HTTP-01: there are no records for an address.")
        else:
            found.append(name)
    if len(found) > MOST_NAMES:
        given.wrong("names", f"A certificate has at most {MOST_NAMES} names.")
    return tuple(dict.fromkeys(found))


def _name(word: str) -> str | None:
    """Return a name as it is sent over the network; None when it is none."""
    plain = word.strip("[]")
    if _is_address(plain):
        return str(ip_address(plain))
    star, rest = ("*.", word[2:]) if word.startswith("*.") else ("", word)
    try:
        name = rest.rstrip(".").lower().encode("idna").decode()
    except UnicodeError:
        return None
    is_one = all(_LABEL.fullmatch(label) for label in name.split("."))
    return f"{star}{name}" if is_one and len(name) <= _LONGEST_NAME else None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _hook(given: _Fields, challenge: ChallengeKind) -> str:
    if challenge is ChallengeKind.HTTP:
        return ""
    text = given.text("hook")
    if not HOOK_NAME.fullmatch(text):
        given.wrong("hook", "Enter the name of a program in the folder for them, without a slash.")
    return text


def _root(given: _Fields) -> str:
    text = given.text("root").replace("\r\n", "\n")
    if not text:
        return ""
    problem = "Paste the root certificate in PEM, from BEGIN CERTIFICATE to END CERTIFICATE."
    if len(text) > _LONGEST_ROOT or "PRIVATE KEY" in text:
        given.wrong("root", problem)
        return ""
    try:
        roots = x509.load_pem_x509_certificates(text.encode())
        issuers = [
            root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
            for root in roots
        ]
    except (ValueError, x509.ExtensionNotFound):
        given.wrong("root", problem)
        return ""
    if not all(issuers):
        given.wrong("root", "This certificate is none of an authority (CA:TRUE is missing).")
    return f"{text}\n"
