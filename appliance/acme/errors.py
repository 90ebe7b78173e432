"""What can go wrong between this machine and an authority. Nothing here ever holds a secret."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from appliance.acme.model import NameFailure, Refusal
from appliance.acme.words import advice_of, sentence_of
from appliance.core.errors import ApplianceError, FieldsInvalidError, LaterError

_AGAIN = "Nothing has changed: the certificate in use stays, and it is tried again by itself."


class AcmeInvalidError(FieldsInvalidError):
    """What an operator typed cannot be used."""

    code = "acme_invalid"


class AcmeOffError(ApplianceError):
    """ACME is not set up."""

    code = "acme_off"
    status = HTTPStatus.CONFLICT
    sentence = "This machine gets no certificates by ACME."
    hint = "Set it up on the console's page “ACME”, or with `cloister tls acme use`."


class AcmeRequestError(ApplianceError):
    """The request of the operation asks for nothing that there is."""

    code = "acme_request_invalid"
    sentence = "The request to the ACME client cannot be understood."
    hint = "Start the work from the console, or with `cloister tls acme`."


class NoNameError(ApplianceError):
    """There is no name for which an authority could make a certificate."""

    code = "acme_no_name"
    status = HTTPStatus.CONFLICT
    sentence = "There is no name for which a certificate could be ordered."
    hint = "Name the machine in the settings, or give ACME names of its own."


class ServerAwayError(ApplianceError):
    """The authority does not answer. Facts: `place`, `reason`."""

    code = "acme_server_away"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "{place} cannot be reached: {reason}."
    hint = f"Check the address, the network and a proxy on the way. {_AGAIN}"


class ServerSilentError(ServerAwayError):
    """It took longer than it may. Facts: `place`, `seconds`."""

    code = "acme_server_silent"
    status = HTTPStatus.GATEWAY_TIMEOUT
    sentence = "{place} did not finish within {seconds} seconds."
    hint = f"The authority may be busy. {_AGAIN}"


class ServerUntrustedError(ApplianceError):
    """Nothing that this machine trusts vouches for the authority's server. Facts: `place`."""

    code = "acme_server_untrusted"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "No authority that this machine trusts vouches for the server at {place}."
    hint = (
        "For an authority of your own, give its root certificate together with its address. For a "
        "public one, another machine may answer in its place: check the network."
    )


class ServerOddError(ApplianceError):
    """The answer is none of an ACME server. Facts: `place`."""

    code = "acme_server_odd"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "{place} answers, but not as an ACME server does."
    hint = (
        "Enter the address of the directory, such as "
        "https://acme-v02.api.letsencrypt.org/directory."
    )


class ServerRefusedError(ApplianceError):
    """The authority refuses a request. Facts: `place`, `type` of the problem, `reason`."""

    code = "acme_refused"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "{place} refuses the request ({type}): {reason}"
    hint = f"The documentation of the authority says what it accepts. {_AGAIN}"


class RateLimitedError(LaterError):
    """The authority has had enough requests for now.

    Facts: `place`, `reason`, `seconds`, and the same in words as `wait`.
    """

    code = "acme_rate_limited"
    status = HTTPStatus.TOO_MANY_REQUESTS
    sentence = "{place} accepts no more requests for now: {reason}"
    hint = "It is tried again by itself after {wait}. Start no run by hand until then."


class NonceError(ApplianceError):
    """The authority accepted none of its own nonces. Facts: `place`, `attempts`."""

    code = "acme_bad_nonce"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "{place} refused {attempts} requests in a row as repeated (bad nonce)."
    hint = f"A proxy on the way may keep its answers, which it must not. {_AGAIN}"


class ClockWrongError(ApplianceError):
    """This machine's clock and the authority's differ. Facts: `place`, `here`, `there`."""

    code = "acme_clock"
    status = HTTPStatus.CONFLICT
    sentence = "The clock of this machine shows {here}, and that of {place} shows {there}."
    hint = (
        "Set the clock: with a wrong one a certificate is refused, or renewed too late. "
        "`timedatectl` on the machine shows whether it is synchronised."
    )


class ServerExpiredError(ClockWrongError):
    """The certificate of the authority's own server is out of its dates. Facts: `place`, `here`."""

    sentence = (
        "The certificate of {place} is not valid at the time that this machine's clock shows, "
        "{here}."
    )


class TermsNotAcceptedError(ApplianceError):
    """The authority has terms, and no one has accepted them. Facts: `place`, `terms`."""

    code = "acme_terms"
    status = HTTPStatus.CONFLICT
    sentence = "{place} makes certificates for those who accept its terms: {terms}"
    hint = "Read them, and accept exactly this address: on the page, or with --accept-terms."


class TermsChangedError(ApplianceError):
    """The authority asks for agreement to other terms. Facts: `place`, `terms`."""

    code = "acme_terms_changed"
    status = HTTPStatus.CONFLICT
    sentence = "The terms of {place} have changed, and it waits for your agreement: {terms}"
    hint = "Read them. Then set ACME up again with the new address of the terms."


class AccountGoneError(ApplianceError):
    """The account was deactivated or revoked. Facts: `place`."""

    code = "acme_account_deactivated"
    status = HTTPStatus.CONFLICT
    sentence = "{place} has deactivated the account of this machine."
    hint = "Ask its administrator why. Set ACME up again to get a new account."


class AccountUnknownError(ApplianceError):
    """The authority has lost the account, or is a new one. Facts: `place`."""

    code = "acme_account_unknown"
    status = HTTPStatus.CONFLICT
    sentence = "{place} does not know the account of this machine."
    hint = "Set ACME up again to get a new account."


class BindingNeededError(ApplianceError):
    """The authority knows only its customers. Facts: `place`."""

    code = "acme_binding_needed"
    status = HTTPStatus.CONFLICT
    sentence = "{place} makes certificates for its own customers only (external account binding)."
    hint = "Get a key identifier and a key from it, and set ACME up again with both."


class BindingRefusedError(ApplianceError):
    """The key identifier or the key is wrong. Facts: `place`, `reason`."""

    code = "acme_binding_refused"
    status = HTTPStatus.CONFLICT
    sentence = "{place} does not accept the key identifier, or the key: {reason}"
    hint = "Copy both again. Some authorities give a pair that works once only."


class NoNameValidError(ApplianceError):
    """None of the names could be validated. Facts: `names`, `problems`."""

    code = "acme_no_name_valid"
    status = HTTPStatus.CONFLICT
    sentence = "No certificate was ordered, because no name could be validated. {problems}"
    hint = "{remedy}"

    def __init__(self, failed: Sequence[NameFailure]) -> None:
        remedies = dict.fromkeys(advice_of(failure) for failure in failed)
        super().__init__(
            problems=" ".join(map(sentence_of, failed)),
            remedy=" ".join(remedies) or "Give ACME at least one name.",
            names=[failure.name for failure in failed],
        )
        self.failed = tuple(failed)


class HookMissingError(ApplianceError):
    """The program for DNS-01 is not there, or root did not put it there. Facts: `program`."""

    code = "acme_hook_missing"
    status = HTTPStatus.CONFLICT
    sentence = "There is no program {program} that this machine may run."
    hint = (
        "As root, put it there, executable, and writable for root alone: the guide “Use a "
        "certificate” describes it."
    )


class NamesRefusedError(Exception):
    """The authority makes no order for some of the names; it need not say for which ones.

    `failed` has those that it named, and `refusal` and `detail` are about the order as a whole.
    """

    def __init__(self, failed: Sequence[NameFailure], refusal: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.failed = tuple(failed)
        self.refusal = refusal
        self.detail = detail
