"""A range of pages of a PDF, as ingest hands it to a parser of ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.ingest.extract.page import Heading


@dataclass(frozen=True, slots=True)
class PdfRange:
    """A range of pages: `layout` and `ordered` are the output of pdftotext for it.

    Layout mode keeps the cells of a form or table on one line, which reading order separates. But
    it mixes the columns of a paper, so such pages are read in reading order (`ordered`).
    """

    first: int
    last: int
    title: str
    open_headings: Sequence[Heading]
    layout: bytes
    ordered: bytes | None = None

    def as_document(self) -> bytes:
        """Return the range as the standard input of the parser."""
        head = {
            "first": self.first,
            "last": self.last,
            "title": self.title,
            "open": [(heading.level, heading.title) for heading in self.open_headings],
            "layout": len(self.layout),
            "is_ordered": self.ordered is not None,
        }
        return b"".join((json.dumps(head).encode(), b"\n", self.layout, self.ordered or b""))

    @classmethod
    def of_document(cls, document: bytes) -> PdfRange:
        """Return the range of a standard input."""
        line, _, output = document.partition(b"\n")
        head = json.loads(line)
        return cls(
            head["first"],
            head["last"],
            head["title"],
            tuple(Heading(0, level, title) for level, title in head["open"]),
            output[: head["layout"]],
            output[head["layout"] :] if head["is_ordered"] else None,
        )
