"""Each audience reads what it can do itself, and nothing that is untrue for it."""

from __future__ import annotations

import pytest

from appliance.core.errors import Audience, DatabaseUnavailableError, NotFoundError


@pytest.mark.parametrize("audience", list(Audience))
def test_no_audience_reads_that_the_database_is_restarted_by_itself(audience: Audience) -> None:
    words = DatabaseUnavailableError().words_for(audience)
    assert words.sentence == "The database does not answer at the moment."
    assert "by itself" not in words.hint
    assert "restarted" not in words.hint


def test_each_audience_has_something_to_do_about_the_database() -> None:
    error = DatabaseUnavailableError()
    hints = {error.words_for(audience).hint for audience in Audience}
    assert len(hints) == len(Audience)
    assert "CLOISTER_HOME" in error.words_for(Audience.COMMAND_LINE).hint
    assert "cloister" not in error.words_for(Audience.MEMBER).hint


def test_an_error_with_one_wording_says_it_to_all() -> None:
    error = NotFoundError(what="document")
    words = {error.words_for(audience) for audience in Audience}
    assert [each.sentence for each in words] == [error.message]
    assert error.as_json() == error.as_json(Audience.COMMAND_LINE)
