"""What `search` and `ask` print."""

from __future__ import annotations

from appliance.cli.questions import source


def test_a_source_is_named_with_its_page_or_its_label() -> None:
    cited = {"number": 1, "file": "report.pdf", "page": 2, "label": None}
    assert source(cited) == "[1] report.pdf, page 2"
    assert source(cited | {"number": 2, "label": "part 3"}) == "[2] report.pdf, part 3"
