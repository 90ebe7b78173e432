"""What is wrong with a name, as a sentence, and what an operator can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.acme.model import NameFailure, Refusal


@dataclass(frozen=True, slots=True)
class _Words:
    """`sentence` names the name, and has room for what was said about it."""

    sentence: str
    advice: str


_PORT = (
    "Port 80 of the name must lead to this machine, also through a firewall or a router. If it "
    "cannot, use DNS-01."
)
_BY_ITSELF = "It is tried again by itself."
_WORDS: Mapping[Refusal, _Words] = {
    Refusal.UNREACHABLE: _Words("The authority cannot reach {name}{said}.", _PORT),
    Refusal.TLS: _Words("The authority could not open a TLS connection to {name}{said}.", _PORT),
    Refusal.WRONG_ANSWER: _Words(
        "The authority found another answer for {name} than that of this machine{said}.",
        "The name leads to another machine, or an old record is still kept: check where it leads "
        "as the authority sees it.",
    ),
    Refusal.DNS: _Words(
        "The authority cannot find out where {name} leads{said}.",
        "Check the records of the name: it must be known where the authority is.",
    ),
    Refusal.CAA: _Words(
        "The domain of {name} names other authorities in its CAA records{said}.",
        "Add a CAA record for this authority, or remove the present ones.",
    ),
    Refusal.REJECTED: _Words(
        "The authority makes no certificate for {name}{said}.",
        "A public authority makes certificates for public names only. Leave the name out, or use "
        "an authority of your own.",
    ),
    Refusal.NO_CHALLENGE: _Words(
        "The authority does not offer the chosen way of proof for {name}{said}.",
        "A name with an asterisk needs DNS-01, and an address needs HTTP-01.",
    ),
    Refusal.HOOK: _Words(
        "The hook program published no record for {name}{said}.",
        "Run the program by hand, and look at what it prints.",
    ),
    Refusal.RATE: _Words("The authority validates {name} no more for now{said}.", _BY_ITSELF),
    Refusal.SILENT: _Words(
        "The authority did not finish the validation of {name} in time{said}.", _BY_ITSELF
    ),
    Refusal.OTHER: _Words(
        "The authority could not validate {name}{said}.",
        "The documentation of the authority says more.",
    ),
}


def sentence_of(failure: NameFailure) -> str:
    """Say in one sentence why a name could not be validated."""
    said = f" ({failure.detail})" if failure.detail else ""
    return _WORDS[failure.refusal].sentence.format(name=failure.name, said=said)


def advice_of(failure: NameFailure) -> str:
    """Say what an operator can do about a name that could not be validated."""
    return _WORDS[failure.refusal].advice
