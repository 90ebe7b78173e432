"""What `search` and `ask` print."""

from __future__ import annotations

from appliance.answering.model import NumberedPassage
from appliance.cli.questions import _source
from tests.builders.answers import passage


def test_a_source_is_named_with_its_page_or_what_stands_for_it() -> None:
    assert _source(NumberedPassage(1, passage())) == "[1] report.pdf, page 2"
    assert _source(NumberedPassage(2, passage(label="part 3"))) == "[2] report.pdf, part 3"
