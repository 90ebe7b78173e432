"""Which model is used for what, chosen or not."""

from __future__ import annotations

import dataclasses

import pytest

from appliance.llm.choice import Chosen, Purpose, Use, find, in_use, nameable, uses
from appliance.llm.model import InstalledModel
from tests.builders.models import CHAT, EMBED, installed

OTHER_CHAT = installed("llama:latest", "completion")
OTHER_EMBED = installed("arctic:latest", "embedding")
ALL = [CHAT, EMBED, OTHER_CHAT, OTHER_EMBED]


@pytest.mark.parametrize(
    ("purpose", "chosen", "expected"),
    [
        (Purpose.CHAT, Chosen(), OTHER_CHAT),
        (Purpose.CHAT, Chosen(chat="qwen"), CHAT),
        (Purpose.CHAT, Chosen(chat="llama"), OTHER_CHAT),
        (Purpose.CHAT, Chosen(chat="gone"), None),
        (Purpose.CHAT, Chosen(chat="bge"), None),
        (Purpose.SEARCH, Chosen(), OTHER_EMBED),
        (Purpose.SEARCH, Chosen(searching="bge"), EMBED),
        (Purpose.SEARCH, Chosen(searching="gone"), OTHER_EMBED),
        (Purpose.SEARCH, Chosen(search="arctic", searching="bge"), OTHER_EMBED),
        (Purpose.SEARCH, Chosen(search="gone", searching="bge"), None),
    ],
)
def test_one_model_is_used_for_a_purpose(
    purpose: Purpose, chosen: Chosen, expected: InstalledModel | None
) -> None:
    assert in_use(purpose, chosen, ALL) == expected
    assert in_use(purpose, chosen, list(reversed(ALL))) == expected


def test_no_model_is_used_where_none_is_able() -> None:
    assert in_use(Purpose.CHAT, Chosen(), [EMBED]) is None
    assert in_use(Purpose.SEARCH, Chosen(), []) is None


def test_a_model_whose_vectors_cannot_be_indexed_does_not_search() -> None:
    too_long = dataclasses.replace(OTHER_EMBED, embedding_length=4001)
    assert in_use(Purpose.SEARCH, Chosen(), [too_long, EMBED]) == EMBED
    assert in_use(Purpose.SEARCH, Chosen(search="arctic"), [too_long, EMBED]) is None
    just_fits = dataclasses.replace(OTHER_EMBED, embedding_length=4000)
    assert in_use(Purpose.SEARCH, Chosen(), [just_fits, EMBED]) == just_fits


def test_a_model_searches_when_its_vectors_are_there() -> None:
    chosen = Chosen(search="arctic", searching="bge")
    assert uses(EMBED, chosen, ALL) == (Use(Purpose.SEARCH),)
    assert uses(OTHER_EMBED, chosen, ALL) == (Use(Purpose.SEARCH, ready=False),)
    assert uses(OTHER_CHAT, chosen, ALL) == (Use(Purpose.CHAT),)
    assert uses(CHAT, chosen, ALL) == ()


def test_requests_may_name_what_is_in_use_and_what_is_allowed() -> None:
    assert nameable(Chosen(), ALL, ()) == [OTHER_CHAT, OTHER_EMBED]
    chosen = Chosen(chat="qwen", search="bge")
    assert nameable(chosen, ALL, ()) == [CHAT, EMBED]
    assert nameable(chosen, ALL, ("llama", "qwen", "gone")) == [CHAT, EMBED, OTHER_CHAT]
    # A chosen model that is not installed has no replacement.
    assert nameable(Chosen(chat="gone", search="gone"), ALL, ()) == []


def test_a_name_needs_no_tag() -> None:
    assert find("llama", ALL) == find("llama:latest", ALL) == OTHER_CHAT
    assert find("llama:3b", ALL) is None
