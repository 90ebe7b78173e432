"""What a model thinks before it answers, where it writes that into its text: `<think>…</think>`.

The runner tells thoughts apart for models that it knows to think; others write them like words,
and they are no part of the answer.
"""

from __future__ import annotations

OPENING, CLOSING = "<think>", "</think>"


class ThoughtFilter:
    """Takes a text piece by piece and gives it back without the thoughts that it begins with."""

    def __init__(self) -> None:
        self.is_thinking = False
        self._has_thought = False
        self._has_begun = False
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return what is certainly part of the answer."""
        if self._has_begun:
            return piece
        self._held += piece
        while True:
            if self.is_thinking:
                thoughts, end, rest = self._held.partition(CLOSING)
                # The end may have come in part.
                self._held = rest if end else thoughts[1 - len(CLOSING) :]
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
        """Return what was held back: nothing more will come. Unfinished thoughts are no answer."""
        held, self._held = self._held, ""
        if self.is_thinking:
            return ""
        return held.lstrip() if self._has_thought else held
