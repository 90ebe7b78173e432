"""A passage has the same place in a search result and in a citation."""

from __future__ import annotations

from appliance.answering.citation_json import citation_json, finished_json, passage_json
from appliance.answering.errors import UncitedAnswerError
from appliance.answering.model import Finished, NumberedPassage
from appliance.conversations.model import AnswerKind, ContextUsage
from tests.builders.answers import DOCUMENT, passage

PLACE = {
    "document": str(DOCUMENT),
    "file": "report.pdf",
    "page": 2,
    "label": None,
    "start": 100,
    "end": 131,
}


def test_a_search_result_has_its_headings_and_its_score() -> None:
    text = "The pump was repaired on 3 May."
    assert passage_json(passage()) == {**PLACE, "headings": ["Pumps"], "text": text, "score": 1.0}


def test_a_citation_has_its_number_and_its_quotation() -> None:
    found = citation_json(NumberedPassage(3, passage(label="part 3")))
    text = "The pump was repaired on 3 May."
    assert found == {**PLACE, "number": 3, "label": "part 3", "quote": text}


def test_an_answer_ends_with_its_citations_and_perhaps_a_note() -> None:
    usage = ContextUsage(found=4, used=1)
    cited = (NumberedPassage(1, passage()),)
    ending = finished_json(Finished(AnswerKind.GENERATED, usage, cited))
    assert ending == {
        "citations": [citation_json(cited[0])],
        "kind": "generated",
        "reading": {"found": 4, "used": 1, "shortened": 0, "questions_left_out": 0},
    }
    note = UncitedAnswerError()
    ending = finished_json(Finished(AnswerKind.GENERATED, usage, note=note))
    assert ending["note"] == note.as_json()
