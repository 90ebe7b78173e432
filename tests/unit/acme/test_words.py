"""Each reason why a name failed has a sentence and something to do."""

from __future__ import annotations

import pytest

from appliance.acme.errors import NoNameValidError
from appliance.acme.model import NameFailure, Refusal
from appliance.acme.words import advice_of, sentence_of

NAME = "chat.example"


@pytest.mark.parametrize("refusal", Refusal)
def test_a_sentence_names_the_name_and_what_was_said(refusal: Refusal) -> None:
    plain = sentence_of(NameFailure(NAME, refusal))
    assert NAME in plain
    assert plain.endswith(".")
    assert "()" not in plain
    assert "(SERVFAIL)" in sentence_of(NameFailure(NAME, refusal, "SERVFAIL"))
    assert advice_of(NameFailure(NAME, refusal)).endswith(".")


def test_the_sentences_differ() -> None:
    assert len({sentence_of(NameFailure(NAME, refusal)) for refusal in Refusal}) == len(Refusal)


def test_what_an_authority_wrote_is_never_taken_for_a_template() -> None:
    assert "{name}" in sentence_of(NameFailure(NAME, Refusal.OTHER, "{name} {0}"))


def test_an_error_about_several_names_says_the_same_advice_once() -> None:
    error = NoNameValidError([NameFailure(f"{n}.example", Refusal.UNREACHABLE) for n in "abc"])
    assert all(f"{n}.example" in error.message for n in "abc")
    assert error.advice.count("Port 80") == 1
