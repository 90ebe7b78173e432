"""The Markdown that Cloister reads: the syntax that it leaves out, and the HTML that it writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from typing_extensions import override

from appliance.web.markdown_tables import bounded_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

_LINK = re.compile(r"(?:https?://|mailto:)[^\s]+", re.IGNORECASE)
_ALIGNMENT = re.compile(r"text-align:(left|right|center)")


class Parser(MarkdownIt):
    """CommonMark with tables and strikethrough, and without syntax that could load or mislead."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "linkify": False})
        self.enable(["table", "strikethrough"])
        self.block.ruler.at("table", bounded_table, {"alt": ["paragraph", "reference"]})
        # `[3]: …` at the start of a line would turn every citation [3] into a link of its choice,
        # and make a block depend on a later one.
        self.disable("reference")
        self.add_render_rule("image", _picture_as_text)
        self.add_render_rule("link_open", _link_to_elsewhere)
        self.add_render_rule("link_close", _address_of_link)
        self.add_render_rule("citation", _citation)
        self.add_render_rule("table_open", _table_open)
        self.add_render_rule("table_close", _table_close)
        for heading in ("heading_open", "heading_close"):
            self.add_render_rule(heading, _heading_below_ours)
        for cell in ("th_open", "td_open"):
            self.add_render_rule(cell, _cell)

    @override
    def validateLink(self, url: str) -> bool:
        """Allow absolute links only: relative ones would lead into Cloister's own pages."""
        return _LINK.fullmatch(url) is not None


def _picture_as_text(
    self: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    return escapeHtml(self.renderInlineAsText(tokens[index].children, options, env))


def _heading_below_ours(
    self: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    # The page has the first level and each answer the second: an outline reads in this order.
    token = tokens[index]
    token.tag = f"h{min(int(token.tag[1:]) + 2, 6)}"
    return self.renderToken(tokens, index, options, env)


def _link_to_elsewhere(
    self: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    tokens[index].attrSet("target", "_blank")
    return self.renderToken(tokens, index, options, env)


def _address_of_link(
    self: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    # The words of a link may say anything, so its address is shown beside them.
    opened = next(i for i in range(index, -1, -1) if tokens[i].type == "link_open")
    address = str(tokens[opened].attrs["href"])
    words = self.renderInlineAsText(tokens[opened + 1 : index], options, env)
    shown = "" if words == address else f' <span class="address">({escapeHtml(address)})</span>'
    return f"</a>{shown}"


def _citation(
    _self: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    _options: OptionsDict,
    _env: EnvType,
) -> str:
    return citation_mark(int(tokens[index].content))


def citation_mark(number: int) -> str:
    """Return what stands for a citation until the page that shows it links its source."""
    return f'<a class="citation" href="#{number}">{number}</a>'


def _table_open(*_: object) -> str:
    # Wide tables scroll inside their own box; the page never scrolls sideways.
    return '<div class="scroll"><table>\n'


def _table_close(*_: object) -> str:
    return "</table></div>\n"


def _cell(
    self: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    # The policy forbids style attributes, so alignment is said the old way.
    style = tokens[index].attrs.pop("style", None)
    if aligned := _ALIGNMENT.fullmatch(str(style)):
        tokens[index].attrSet("align", aligned[1])
    return self.renderToken(tokens, index, options, env)
