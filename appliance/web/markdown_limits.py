"""How much of an answer is rendered. What is beyond these limits is shown as plain text."""

from __future__ import annotations

from dataclasses import dataclass

# Of one answer: characters of Markdown, and bytes of the HTML that it may become.
LONGEST_TEXT = 32_000
LARGEST_HTML = 200_000
# Of one table. The cells of all tables of an answer come out of its allowance.
MOST_COLUMNS = 30
MOST_ROWS = 200
# Quotations and lists inside of each other, and emphasis inside of emphasis.
MOST_NESTING = 12


@dataclass(slots=True)
class Allowance:
    """What an answer may still use of the parts that a short text multiplies."""

    cells: int = 3000
    citations: int = 400

    def take_citation(self) -> bool:
        """Use one citation up; False if none is left."""
        self.citations -= 1
        return self.citations >= 0
