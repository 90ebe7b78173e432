"""Passages, citations and answers as JSON: the same keys in the API and on the command line."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from appliance.answering.model import Finished, NumberedPassage
from appliance.core.errors import Audience
from appliance.retrieval.model import Passage

JsonObject = dict[str, Any]


def passage_json(passage: Passage) -> JsonObject:
    """Return a search result: its location, its headings, its text and its score."""
    return {
        **_location(passage),
        "headings": list(passage.heading_path),
        "text": passage.text,
        "score": passage.score,
    }


def citation_json(cited: NumberedPassage) -> JsonObject:
    """Return what `[number]` in an answer points to, with the quoted text."""
    return {"number": cited.number, **_location(cited.passage), "quote": cited.passage.text}


def finished_json(finished: Finished) -> JsonObject:
    """Return how an answer ended: its citations, its origin, its context and perhaps a note."""
    ending: JsonObject = {
        "citations": [citation_json(each) for each in finished.cited],
        "kind": finished.kind,
        "reading": asdict(finished.context_usage),
    }
    if finished.note is not None:
        ending["note"] = finished.note.as_json(Audience.PROGRAM)
    return ending


def _location(passage: Passage) -> JsonObject:
    """Return where a passage is: `text[start:end]` of a page of a document."""
    return {
        "document": str(passage.document_id),
        "file": passage.file_name,
        "page": passage.page,
        "label": passage.label,
        "start": passage.start,
        "end": passage.end,
    }
