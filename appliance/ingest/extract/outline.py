"""Read HTML, Markdown and text into a title and pages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.ingest.extract.clean import clean, short_title
from appliance.ingest.extract.encoding import decode
from appliance.ingest.extract.page import DocumentFacts, Heading, Outline
from appliance.ingest.extract.paging import parts

_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_DECLARATION_WITHIN = 2048
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_ATX = re.compile(r"^ {0,3}(#{1,6})[ \t]+(?=\S)(.+)$")
_SETEXT = re.compile(r"^ {0,3}(=+|-+)\s*$")
# Lines of `key: value`, continuation lines (indented lines, items) and comments. Other lines mean
# that the first line is a horizontal rule.
_FRONT_MATTER = re.compile(
    r"\A---\n((?:\w[\w .-]*:(?: .*)?\n|[ \t].*\n|- .*\n|#.*\n|\n)+)(?:---|\.\.\.)(?:\n|\Z)"
)
_FRONT_TITLE = re.compile(r"^title:(.+)$", re.MULTILINE)
_EMPHASIS = re.compile(r"[*`]|\b_+|_+\b")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


def read_html(content: bytes) -> Outline:
    """Read the text of a web page, without scripts, styles and navigation."""
    declared = _CHARSET.search(content[:_DECLARATION_WITHIN])
    text, note = decode(content, declared.group(1).decode() if declared else None)
    # Only web pages and office documents need it.
    from appliance.ingest.extract.markup import MarkupReader

    reader = MarkupReader()
    reader.read(text)
    first = next((heading.title for heading in reader.headings if heading.level == 1), None)
    return Outline(DocumentFacts(reader.title or first), parts(reader.text, reader.headings, note))


def read_markdown(content: bytes) -> Outline:
    """Read Markdown: the text is its source, in which only the headings are recognised.

    Front matter is kept, because a search may be for its author or date.
    """
    text, note = decode(content)
    text = clean(text)
    title, begin = None, 0
    if front := _FRONT_MATTER.match(text):
        found = _FRONT_TITLE.search(front.group(1))
        title = short_title(found.group(1)).strip("\"'") if found else None
        begin = front.end()
    headings = list(_markdown_headings(text, begin))
    first = next((heading.title for heading in headings if heading.level == 1), None)
    return Outline(DocumentFacts(title or first), parts(text, headings, note))


def read_text(content: bytes) -> Outline:
    """Read plain text as it is."""
    text, note = decode(content)
    return Outline(DocumentFacts(), parts(clean(text), (), note))


def _markdown_headings(text: str, begin: int) -> Iterator[Heading]:
    fence = ""
    offset = before_offset = begin
    before = ""
    for line in text[begin:].split("\n"):
        if opened := _FENCE.match(line):
            mark = opened.group(1)
            if not fence:
                fence = mark
            elif mark.startswith(fence):
                fence = ""
        elif not fence:
            if atx := _ATX.match(line):
                yield Heading(offset, len(atx.group(1)), _plain(atx.group(2)))
            elif before.strip() and (underline := _SETEXT.match(line)):
                level = 1 if underline.group(1).startswith("=") else 2
                yield Heading(before_offset, level, _plain(before))
        before, before_offset = ("", offset) if _is_block(line) else (line, offset)
        offset += len(line) + 1


def _is_block(line: str) -> bool:
    """Return whether a line is a list, table or heading, so that dashes below make no heading."""
    return line.lstrip().startswith(("#", "-", "*", "+", ">", "|", "=", "```", "~~~"))


def _plain(title: str) -> str:
    plain = _EMPHASIS.sub("", _LINK.sub(r"\1", short_title(title)))
    return plain.rstrip("# ")
