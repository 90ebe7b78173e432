"""HTML to text with headings: one pass over the tags, no tree in memory.

Also reads what pandoc makes of office documents.
"""

from __future__ import annotations

from enum import IntEnum
from html.parser import HTMLParser

from typing_extensions import override

from appliance.ingest.extract.clean import clean, one_line, short_title
from appliance.ingest.extract.page import Heading


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


_SKIPPED = _tags(
    "script style noscript template svg nav select button iframe object textarea annotation"
)
_LINES = _tags("dt dd figcaption caption")
_PARAGRAPHS = _tags(
    """
    address article aside blockquote body details div dl fieldset figure footer form header hr
    main ol p pre section summary table ul h1 h2 h3 h4 h5 h6
    """
)
_LISTS = _tags("ul ol")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


class _Gap(IntEnum):
    """What stands between the text so far and the next; the greater wins."""

    NONE = 0
    SPACE = 1
    CELL = 2
    LINE = 3
    PARAGRAPH = 4


_SEPARATORS = {
    _Gap.NONE: "",
    _Gap.SPACE: " ",
    _Gap.CELL: " | ",
    _Gap.LINE: "\n",
    _Gap.PARAGRAPH: "\n\n",
}


class MarkupReader(HTMLParser):
    """Collects `text`, `headings` and `title` while it is fed; forgiving like a browser."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: str | None = None
        self.headings: list[Heading] = []
        self._parts: list[str] = []
        self._length = 0
        self._gap = _Gap.NONE
        self._skipping: list[str] = []
        self._titles: list[str] | None = None
        self._heading: tuple[int, int] | None = None
        self._preformatted = 0
        # Whether nothing was written yet in the table cell that is open, or the list item.
        self._fresh = False
        self._cells = 0
        self._lists = 0

    @property
    def text(self) -> str:
        """All text so far."""
        return "".join(self._parts)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipping or tag in _SKIPPED:
            if tag in _SKIPPED:
                self._skipping.append(tag)
            return
        if tag == "title" and self.title is None:
            self._titles = []
        elif tag == "pre":
            self._preformatted += 1
        self._open(tag)
        if tag in _HEADINGS:
            self._heading = (len(self._parts), _HEADINGS[tag])

    @override
    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            if tag in self._skipping:
                while self._skipping.pop() != tag:
                    pass
            return
        if tag == "title" and self._titles is not None:
            self.title = short_title("".join(self._titles)) or None
            self._titles = None
        elif tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)
        elif tag in _HEADINGS:
            self._end_heading()
        self._close(tag)

    @override
    def handle_data(self, data: str) -> None:
        if self._skipping:
            return
        if self._titles is not None:
            self._titles.append(data)
        elif self._preformatted and data.strip():
            self._write(clean(data).strip("\n"))
        elif words := one_line(data):
            if data[0].isspace():
                self._widen(_Gap.SPACE)
            self._write(words)
            if data[-1].isspace():
                self._widen(_Gap.SPACE)
        elif data:
            self._widen(_Gap.SPACE)

    def _open(self, tag: str) -> None:
        match tag:
            case "br":
                self._widen(_Gap.LINE)
            case "tr":
                self._widen(_Gap.LINE)
                self._cells = 0
            case "td" | "th":
                # Cells stand in one line, whatever blocks the last one held.
                if self._cells:
                    self._gap = _Gap.CELL
                self._cells += 1
                self._fresh = True
            case "li":
                self._widen(_Gap.LINE)
                self._write("-")
                self._gap = _Gap.SPACE
                self._fresh = True
            case _ if tag in _LINES:
                self._widen(_Gap.LINE)
            case _ if tag in _PARAGRAPHS:
                self._block()
                self._lists += tag in _LISTS
            case _:
                pass

    def _close(self, tag: str) -> None:
        match tag:
            case "tr" | "li":
                self._gap = _Gap.LINE
                self._fresh = False
            case "td" | "th":
                self._fresh = False
            case "table":
                self._cells = 0
                self._widen(_Gap.PARAGRAPH)
            case _ if tag in _LINES:
                self._widen(_Gap.LINE)
            case _ if tag in _PARAGRAPHS:
                self._lists = max(0, self._lists - (tag in _LISTS))
                self._block()
            case _:
                pass

    def _block(self) -> None:
        if not self._fresh:
            self._widen(_Gap.LINE if self._cells or self._lists else _Gap.PARAGRAPH)

    def _widen(self, gap: _Gap) -> None:
        self._gap = max(self._gap, gap)

    def _write(self, text: str) -> None:
        if not text:
            return
        separator = _SEPARATORS[self._gap] if self._parts else ""
        self._parts += (separator, text)
        self._length += len(separator) + len(text)
        self._gap = _Gap.NONE
        self._fresh = False

    def _end_heading(self) -> None:
        if self._heading is None:
            return
        begun, level = self._heading
        self._heading = None
        written = "".join(self._parts[begun:])
        title = short_title(written)
        if title:
            offset = self._length - len(written.lstrip())
            self.headings.append(Heading(offset, level, title))
