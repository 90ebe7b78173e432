"""What a file can be instead of certificates that can be read, in words for the operator."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class MaterialError(ApplianceError):
    """The file, its key or its password cannot be used as it is."""

    code = "tls_material"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class MaterialTooLargeError(MaterialError):
    """The file is larger than any chain. Facts: `limit`."""

    code = "tls_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    sentence = "The file is larger than {limit}, which is too large for a certificate."
    hint = "Choose the file with the machine's certificate and those of its issuers only."


class TooManyCertificatesError(MaterialError):
    """The file is a list of authorities rather than a chain. Facts: `limit`."""

    code = "tls_too_many"
    sentence = "The file holds more than {limit} certificates and keys."
    hint = "Choose the file with the machine's certificate and those of its issuers only."


class CertificateMissingError(MaterialError):
    """Nothing in the file is a certificate."""

    code = "tls_no_certificate"
    sentence = "The file holds no certificate."
    hint = "Choose a PEM file, which begins with “-----BEGIN CERTIFICATE-----”, or a PKCS#12 file."


class KeyOnlyError(CertificateMissingError):
    """There is a key, and no certificate."""

    code = "tls_key_only"
    sentence = "The file holds a private key and no certificate."
    hint = "Choose the certificate's file as well: the key alone identifies no machine."


class RequestInsteadError(MaterialError):
    """The file is what an authority is sent, not what it answers."""

    code = "tls_request"
    sentence = "The file is a signing request, and not the certificate that answers it."
    hint = "Send this request to your authority, and upload what it sends back."


class DerError(MaterialError):
    """A certificate in its binary form, which holds no chain and no key."""

    code = "tls_der"
    sentence = "The file is a certificate in the binary form DER; PEM is needed."
    hint = "Convert it: `openssl x509 -inform der -in FILE -out certificate.pem`."


class DerKeyError(MaterialError):
    """A private key in its binary form."""

    code = "tls_der_key"
    sentence = "The private key is in the binary form DER; PEM is needed."
    hint = "Convert it: `openssl pkey -inform der -in FILE -out key.pem`."


class Pkcs7Error(MaterialError):
    """What Windows authorities call P7B."""

    code = "tls_pkcs7"
    sentence = "The file is a PKCS#7 (P7B) file; PEM or PKCS#12 is needed."
    hint = (
        "Convert it: `openssl pkcs7 -print_certs -in FILE -out certificate.pem`, with "
        "`-inform der` if it is binary."
    )


class CutOffError(MaterialError):
    """A block of the file begins and does not end. Facts: `label`."""

    code = "tls_cut_off"
    sentence = "The file is incomplete: the block “{label}” begins and does not end."
    hint = "Copy or download it again, with the line that begins with “-----END”."


class CertificateDamagedError(MaterialError):
    """One of the certificates cannot be read. Facts: `number`: which one of the file."""

    code = "tls_damaged"
    sentence = "Certificate {number} of the file is damaged and cannot be read."
    hint = "Download it again from your authority; an editor may have changed it."


class KeyUnreadableError(MaterialError):
    """The key is damaged, or of a kind that nothing here reads."""

    code = "tls_key_unreadable"
    sentence = "The private key is damaged, or of a kind that Cloister cannot read."
    hint = "PEM with an ECDSA or RSA key is needed: `openssl pkey -in FILE` shows whether it is."


class KeyTooLargeError(MaterialError):
    """The key is larger than any that is used. Facts: `limit`."""

    code = "tls_key_too_large"
    sentence = "The private key is larger than {limit}, which no key in use is."
    hint = "Choose the file that holds the private key alone."


class KeyEncryptedError(MaterialError):
    """The key needs a password, and none was given."""

    code = "tls_key_encrypted"
    sentence = "The private key is encrypted, and no password was given."
    hint = "Enter its password; Cloister keeps the key without one, readable by Nginx alone."


class PasswordMissingError(MaterialError):
    """The PKCS#12 file needs a password, and none was given."""

    code = "tls_password_missing"
    sentence = "The PKCS#12 file needs its password."
    hint = "Enter the password with which the file was exported."


class PasswordWrongError(MaterialError):
    """The password does not open the key or the PKCS#12 file."""

    code = "tls_password_wrong"
    sentence = "The password does not open the file, or the file is damaged."
    hint = (
        "Enter the password with which it was exported. A file of an old Windows may use RC2, "
        "which cannot be read: export it again with AES."
    )


class NameInvalidError(MaterialError):
    """A name of a request is no host name and no address. Facts: `name`."""

    code = "tls_name_invalid"
    sentence = "“{name}” is no host name and no address."
    hint = "Write it as in `cloister.example.org`, `*.example.org` or `10.0.0.5`."


class NamesMissingError(MaterialError):
    """A request needs at least one name."""

    code = "tls_names_missing"
    sentence = "The request names no host."
    hint = "Enter at least one host name by which people open this machine."


class TooManyNamesError(MaterialError):
    """The request has more names than authorities sign. Facts: `limit`."""

    code = "tls_too_many_names"
    sentence = "The request has more than {limit} names."
    hint = "Name the hosts by which people open this machine; a wildcard covers many."


class OrganisationInvalidError(MaterialError):
    """The organisation's name does not fit into a request. Facts: `limit`."""

    code = "tls_organisation_invalid"
    sentence = "The organisation's name has more than {limit} bytes, or unprintable characters."
    hint = "Enter a shorter form of it, or none: most authorities replace it."


class FolderUnusableError(ApplianceError):
    """The folder of the certificate cannot be used. Facts: `place`, `reason`."""

    code = "tls_folder"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "The certificate cannot be kept: {place}: {reason}."
    hint = "The disk may be full, or the folder has another owner; `cloister doctor` says which."


class NginxRefusesError(ApplianceError):
    """Nginx cannot use a certificate that passed all other checks. Facts: `problem`."""

    code = "tls_nginx_refuses"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "Nginx cannot use this certificate: {problem}"
    hint = "Nothing was changed. Ask your authority for a certificate with an ECDSA or RSA key."


class CertificateRefusedError(ApplianceError):
    """A finding forbids a certificate that a program wants to use. Facts: `problem`, `remedy`."""

    code = "tls_refused"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The certificate was not taken into use: {problem}"
    hint = "{remedy}"


class NotServedError(ApplianceError):
    """Nginx did not serve the new certificate after its reload."""

    code = "tls_not_served"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "Nginx does not serve the new certificate; the one before it is back."
    hint = "`cloister logs nginx` says why."


class NothingWaitsError(ApplianceError):
    """No key waits for a certificate."""

    code = "tls_nothing_waits"
    status = HTTPStatus.CONFLICT
    sentence = "No request waits for its certificate."
    hint = "Make one first: `cloister tls csr`."


class NoPreviousError(ApplianceError):
    """There is no previous certificate to return to."""

    code = "tls_no_previous"
    status = HTTPStatus.CONFLICT
    sentence = "There is no previous certificate to return to."
    hint = "`cloister tls use --own` makes one of the machine's own authority."


class NoTlsError(ApplianceError):
    """This installation has no TLS."""

    code = "tls_off"
    status = HTTPStatus.CONFLICT
    sentence = "This installation serves without TLS, so that it has no certificate."
    hint = "In a clone, set CLOISTER_TLS=yes and start it again."


class UnknownWorkError(ApplianceError):
    """Another version of Cloister asks for something. Facts: `work`."""

    code = "tls_unknown_work"
    sentence = "The work “{work}” is unknown to the operation of certificates."
    hint = "The supervisor may be of another version: restart it."
