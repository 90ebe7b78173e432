"""Remove the reasoning that a model writes before its answer: `<think>…</think>`.

The model runner separates the reasoning of the models that it knows. Other models write it into
their text, where it is not part of the answer.
"""

from __future__ import annotations

OPENING, CLOSING = "<think>", "</think>"


class ReasoningFilter:
    """Takes a text piece by piece and returns it without the reasoning at its beginning."""

    def __init__(self) -> None:
        self.is_thinking = False
        self._has_thought = False
        self._has_begun = False
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return the text that is certainly part of the answer."""
        if self._has_begun:
            return piece
        self._held += piece
        while True:
            if self.is_thinking:
                reasoning, end, rest = self._held.partition(CLOSING)
                # The closing tag may have arrived in part.
                self._held = rest if end else reasoning[1 - len(CLOSING) :]
                if not end:
                    return ""
                self.is_thinking = False
            start = self._held.lstrip()
            if start.startswith(OPENING):
                self.is_thinking = self._has_thought = True
                self._held = start.removeprefix(OPENING)
            elif OPENING.startswith(start):
                return ""
            else:
                self._has_begun = True
                return self.finish()

    def finish(self) -> str:
        """Return the held text after the last piece. Unfinished reasoning is not returned."""
        held, self._held = self._held, ""
        if self.is_thinking:
            return ""
        return held.lstrip() if self._has_thought else held
