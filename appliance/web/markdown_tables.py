"""Tables of Markdown, with limits: a row of one character can stand for a row of many cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markdown_it.rules_block import table

from appliance.web.markdown_limits import MOST_COLUMNS, MOST_ROWS, Allowance

if TYPE_CHECKING:
    from markdown_it.rules_block import StateBlock


def bounded_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    """Parse a table within the limits; a wider one stays text, and so do the rows after the last.

    This is a rule of the parser, which calls it with positions only.
    """
    if start + 1 >= end:
        return False
    delimiters = state.src[state.bMarks[start + 1] : state.eMarks[start + 1]].strip().strip("|")
    columns = delimiters.count("|") + 1
    allowance: Allowance = state.env.setdefault("allowance", Allowance())
    rows = min(MOST_ROWS, allowance.cells // columns)
    if columns > MOST_COLUMNS or rows < 1:
        return False
    # The line of delimiters is no row.
    is_table = table(state, start, min(end, start + 1 + rows), silent)
    if is_table and not silent:
        allowance.cells -= columns * (state.line - start - 1)
    return is_table
