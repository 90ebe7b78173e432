"""Recognise numbered headings of PDF pages, which have no markup: “3.2 Study design”."""

from __future__ import annotations

import re

from appliance.ingest.extract.page import Heading

_NUMBERED = re.compile(
    r"(?:\A|(?<=\n))(?P<number>\d{1,2}(?:\.\d{1,2}){0,3})\.?[ ]{1,2}"
    r"(?P<title>[^\W\d_][^\n]{2,78}[^\W\d_]\)?)(?=\n|\Z)"
)


def numbered_headings(text: str) -> tuple[Heading, ...]:
    """Return the lines of a page that are certainly headings.

    A line with a single number may be an item of a list, so its title must be in capitals. A line
    with cells or leaders belongs to a table or to a table of contents.
    """
    found = []
    for match in _NUMBERED.finditer(text):
        number, title = match.group("number"), match.group("title")
        if "  " in title or "…" in title or not (title.isupper() or "." in number):
            continue
        if title[0].isupper():
            level = number.count(".") + 1
            found.append(Heading(match.start(), level, f"{number} {title}"))
    return tuple(found)
