"""What the console says about the dates and the names of a certificate."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from admin.pages.tls import card_of
from appliance.tls.folder import Stored
from appliance.tls.model import Origin, Pair
from tests.builders.certificates import certificate
from tests.fakes.clock import START

NAMES = ("box.example", "*.shop.example")


def stored(days: float = 90) -> Stored:
    made = certificate(names=NAMES, starts=START, days=days)
    return Stored(Origin.UPLOADED, Pair(made.pem, b""))


@pytest.mark.parametrize(
    ("now", "state", "tone"),
    [
        (START - timedelta(seconds=1), "not valid yet", "bad"),
        (START, "valid", "good"),
        (START + timedelta(days=60), "valid", "good"),
        (START + timedelta(days=61), "expires soon", "warn"),
        (START + timedelta(days=90), "expired", "bad"),
    ],
)
def test_its_dates_have_a_word_and_a_tone(now: datetime, state: str, tone: str) -> None:
    card = card_of(stored(), now)
    assert (card.state, card.tone) == (state, tone)


def test_a_certificate_of_six_days_expires_soon_when_a_third_is_left() -> None:
    assert card_of(stored(days=6), START + timedelta(days=3.9)).state == "valid"
    assert card_of(stored(days=6), START + timedelta(days=4.1)).state == "expires soon"


def test_names_that_it_does_not_cover_are_listed_without_those_of_the_machine_itself() -> None:
    wanted = ("box.example", "a.shop.example", "shop.example", "10.0.0.5", "localhost", "::1")
    assert card_of(stored(), START, wanted).missing == ("shop.example", "10.0.0.5")
