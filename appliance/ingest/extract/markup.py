"""Convert HTML to text with headings, in one pass and without a tree in memory.

The output of pandoc for office documents is read as well.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import IntEnum

from appliance.ingest.extract.clean import clean, one_line, short_title
from appliance.ingest.extract.lists import Attributes, OpenList
from appliance.ingest.extract.markup_tokens import EndTag, StartTag, Text, tokens
from appliance.ingest.extract.page import Heading
from appliance.text.scripts import without_breaks


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


_SKIPPED = _tags(
    "script style noscript template svg nav select button iframe object textarea annotation"
)
# Their content is not markup, so that only their own end tag ends them.
_RAW = _tags("script style iframe textarea")
# Tags that cannot be inside a skipped element: its end tag is missing.
_ENDS_SKIPPING = {
    "nav": _tags("h1 main article p"),
    "button": _tags("h1 h2 h3 h4 h5 h6 main article section p ul ol table button"),
    "select": _tags("h1 h2 h3 h4 h5 h6 main article section p ul ol table select"),
}
_END_OF_SKIPPED = re.compile(rf"</({'|'.join(sorted(_SKIPPED))})\b", re.IGNORECASE)
_LINES = _tags("dt dd figcaption caption")
_PARAGRAPHS = _tags(
    """
    address article aside blockquote body details div dl fieldset figure footer form header hr
    main ol p pre section summary table ul h1 h2 h3 h4 h5 h6
    """
)
_BLOCKS = _LINES | _PARAGRAPHS | _tags("tr td th li")
_LISTS = _tags("ul ol")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


class _Gap(IntEnum):
    """The separator between the text so far and the next text; the greatest is used."""

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


class MarkupReader:
    """Collects `text`, `headings` and `title` of a page; tolerates errors as a browser does."""

    def __init__(self) -> None:
        self.title: str | None = None
        self.headings: list[Heading] = []
        self._parts: list[str] = []
        self._length = 0
        self._gap = _Gap.NONE
        # The skipped elements that are open, and how many of each name.
        self._skipping: list[str] = []
        self._skipped: Counter[str] = Counter()
        # How many end tags of each kind follow.
        self._ends: Counter[str] = Counter()
        self._titles: list[str] | None = None
        self._heading: tuple[int, int] | None = None
        self._preformatted: list[str] | None = None
        # Whether the open table cell or list item is still empty.
        self._fresh = False
        self._cells = 0
        self._lists: list[OpenList] = []

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._parts)

    def read(self, page: str) -> None:
        """Read a page from its beginning to its end."""
        self._ends.update(match.group(1).lower() for match in _END_OF_SKIPPED.finditer(page))
        for token in tokens(page, _RAW):
            match token:
                case StartTag(name, attributes, closed):
                    self._start(name, attributes, closed=closed)
                case EndTag(name):
                    self._end(name)
                case Text(data):
                    self._text(data)
        self._end_preformatted()

    def _start(self, tag: str, attributes: Attributes, *, closed: bool) -> None:
        if closed and tag in _SKIPPED:
            return
        while self._skipping and tag in _ENDS_SKIPPING.get(self._skipping[-1], ()):
            self._skipped[self._skipping.pop()] -= 1
        if tag in _SKIPPED:
            self._skip(tag)
        elif not self._skipping:
            self._read_start(tag, attributes, closed=closed)

    def _skip(self, tag: str) -> None:
        # An element that is never closed would hide the rest of the page.
        if tag in _RAW or self._ends[tag] > self._skipped[tag]:
            self._skipping.append(tag)
            self._skipped[tag] += 1

    def _read_start(self, tag: str, attributes: Attributes, *, closed: bool) -> None:
        if tag in _HEADINGS:
            self._end_preformatted()
        if self._preformatted is not None:
            self._break_preformatted(tag)
        else:
            self._open(tag, attributes)
            self._begin(tag, attributes)
        if closed:
            self._end(tag)

    def _end(self, tag: str) -> None:
        self._ends[tag] -= 1
        if self._skipping:
            if self._skipped[tag]:
                self._stop_skipping(tag)
            return
        if tag == "title" and self._titles is not None:
            self.title = short_title("".join(self._titles)) or None
            self._titles = None
        elif tag == "pre":
            self._end_preformatted()
        elif tag in _HEADINGS:
            self._end_heading()
        if self._preformatted is not None:
            self._break_preformatted(tag)
        else:
            self._close(tag)

    def _stop_skipping(self, tag: str) -> None:
        ended = ""
        while ended != tag:
            ended = self._skipping.pop()
            self._skipped[ended] -= 1

    def _text(self, data: str) -> None:
        if self._skipping:
            return
        if self._titles is not None:
            self._titles.append(data)
        elif self._preformatted is not None:
            self._preformatted.append(data)
        elif words := one_line(without_breaks(data)):
            if data[0].isspace():
                self._widen(_Gap.SPACE)
            self._write(words)
            if data[-1].isspace():
                self._widen(_Gap.SPACE)
        elif data:
            self._widen(_Gap.SPACE)

    def _open(self, tag: str, attributes: Attributes) -> None:
        match tag:
            case "br":
                self._widen(_Gap.LINE)
            case "tr":
                self._widen(_Gap.LINE)
                self._cells = 0
            case "td" | "th":
                # Cells are on one line, even if the last cell contains blocks.
                if self._cells:
                    self._gap = _Gap.CELL
                self._cells += 1
                self._fresh = True
            case "li":
                self._widen(_Gap.LINE)
                listed = self._lists[-1] if self._lists else OpenList()
                self._write(listed.mark(attributes))
                self._gap = _Gap.SPACE
                self._fresh = True
            case _ if tag in _LINES:
                self._widen(_Gap.LINE)
            case _ if tag in _PARAGRAPHS:
                self._block()
            case _:
                pass

    def _begin(self, tag: str, attributes: Attributes) -> None:
        """Remember the element that is open from here on."""
        if tag in _LISTS:
            self._lists.append(OpenList.opened(tag, attributes))
        elif tag in _HEADINGS:
            self._heading = (len(self._parts), _HEADINGS[tag])
        elif tag == "pre":
            self._preformatted = []
        elif tag == "title" and self.title is None:
            self._titles = []

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
                if tag in _LISTS and self._lists:
                    self._lists.pop()
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

    def _break_preformatted(self, tag: str) -> None:
        """Keep lines apart that have tags instead of line breaks."""
        lines = self._preformatted
        if lines and (tag == "br" or (tag in _BLOCKS and not lines[-1].endswith("\n"))):
            lines.append("\n")

    def _end_preformatted(self) -> None:
        lines, self._preformatted = self._preformatted, None
        if lines:
            self._write(clean("".join(lines)).strip("\n"))

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
