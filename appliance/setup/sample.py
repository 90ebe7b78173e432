"""The test document of a check, and the question about it. No I/O."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

# No letter that is mistaken for another one, and no vowel: no code is a word.
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
_LETTERS = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """A document that no other library has: `code` is in its text and in the question."""

    code: str
    answer: str

    @property
    def file_name(self) -> str:
        """The name of the file."""
        return f"Set-up check {self.code}.txt"

    @property
    def content(self) -> bytes:
        """The file."""
        text = (
            f"Set-up check {self.code}\n\n"
            f"The ferry of the set-up check {self.code} is called {self.answer}. "
            "It leaves the harbour each morning at seven, and comes back in the evening.\n"
        )
        return text.encode()

    @property
    def digest(self) -> str:
        """The SHA-256 of the file, as the library keeps it."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def question(self) -> str:
        """The question that the document answers."""
        return f"What is the ferry of the set-up check {self.code} called?"


def new_sample() -> Sample:
    """Return a sample with a code and an answer of its own."""
    code, answer = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS)) for _ in ("code", "answer")
    )
    return Sample(code, answer.capitalize())
