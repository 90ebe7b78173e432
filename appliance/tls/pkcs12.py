"""Unpacks PKCS#12 files (`.p12`, `.pfx`), which hold a key and certificates under a password."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12KeyAndCertificates,
    load_pkcs12,
)

from appliance.tls.certificate import DAMAGED
from appliance.tls.errors import PasswordMissingError, PasswordWrongError
from appliance.tls.key import encoded


def unpacked(
    data: bytes, password: str | None
) -> tuple[PrivateKeyTypes | None, list[x509.Certificate]]:
    """Return the key and the certificates. Raises PasswordMissingError or PasswordWrongError.

    A file without a password is opened in the two ways in which programs write one.
    """
    secrets = (encoded(password),) if password else (None, b"")
    for secret in secrets:
        if found := _opened(data, secret):
            own = [found.cert] if found.cert else []
            return found.key, [each.certificate for each in (*own, *found.additional_certs)]
    raise PasswordWrongError if password else PasswordMissingError


def _opened(data: bytes, secret: bytes | None) -> PKCS12KeyAndCertificates | None:
    try:
        return load_pkcs12(data, secret)
    except DAMAGED:
        return None
