"""Documents and questions of a run: generated from a seed, or read from a folder."""

from __future__ import annotations

import io
import random
import re
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

SEED = 20261122
WORDS = 9000
# A word's frequency falls with its rank, as in any language; these stand on the first ranks.
FREQUENT = (
    "the of and to in a is that for it as was with be by on not he this are or his from at which "
    "but have an had they you were their one all we can her has there been if more when will "
    "would who so no out up into than them then its only some could these may first also after"
)
SYLLABLES = (
    "ba be bor cal cer dan del dor el en fal fer gan gor hal hel in jor kal ker lan lem lor mar "
    "mer min nal ner nor or pal per pin ral ren rod sal sen sol tal ten tor ul ven vor wen yal zor"
)
WORDS_A_PAGE, WORDS_A_LINE, LINES_A_PAGE = 330, 12, 50
PATTERN = re.compile(r"\w{4,}")


@dataclass(frozen=True, slots=True)
class File:
    """A document as it is uploaded, and its words in reading order."""

    name: str
    content: bytes
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """All documents of a run."""

    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(len(file.content) for file in self.files)

    def questions(self, count: int, seed: int = SEED) -> list[str]:
        """Return questions that a document answers: the rarest of any forty words in a row."""
        chance = random.Random(seed)  # noqa: S311  the same each time
        usual = Counter(word for file in self.files for word in set(file.words))
        answering = [file for file in self.files if len(file.words) > 40]
        questions = []
        for _ in range(count):
            words = chance.choice(answering).words
            start = chance.randrange(len(words) - 40)
            rarest = sorted(set(words[start : start + 40]), key=lambda word: (usual[word], word))
            questions.append(f"What is said about {rarest[0]}, {rarest[1]} and {rarest[2]}?")
        return questions


def generated(count: int, seed: int = SEED) -> Corpus:
    """Write `count` documents of two to five pages: plain text, Markdown and PDF in turn."""
    chance = random.Random(seed)  # noqa: S311  the same each time
    words = FREQUENT.split()
    while len(words) < WORDS:
        words.append("".join(chance.choices(SYLLABLES.split(), k=chance.randint(2, 4))))
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(words))))
    files = []
    for number in range(count):
        pages = [
            _sentences(chance, chance.choices(words, cum_weights=weights, k=WORDS_A_PAGE))
            for _ in range(chance.randint(2, 5))
        ]
        files.append(_file(number, pages))
    return Corpus(tuple(files))


def from_folder(folder: Path) -> Corpus:
    """Read every file of a folder; questions come from those that are text."""
    files = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        is_text = path.suffix.lower() in {".txt", ".md"}
        text = content.decode("utf-8", "replace") if is_text else ""
        files.append(File(path.name, content, tuple(PATTERN.findall(text))))
    return Corpus(tuple(files))


def _sentences(chance: random.Random, words: list[str]) -> str:
    text, start = [], 0
    while start < len(words):
        end = start + chance.randint(8, 20)
        text.append(" ".join(words[start:end]).capitalize() + ".")
        start = end
    return " ".join(text)


def _file(number: int, pages: list[str]) -> File:
    words = tuple(PATTERN.findall(" ".join(pages).lower()))
    match number % 3:
        case 0:
            return File(f"report-{number}.txt", "\n\n".join(pages).encode(), words)
        case 1:
            text = f"# Report {number}\n\n" + "\n\n".join(
                f"## Part {part}\n\n{page}" for part, page in enumerate(pages, start=1)
            )
            return File(f"report-{number}.md", text.encode(), words)
        case _:
            return File(f"report-{number}.pdf", _pdf(pages), words)


def _pdf(pages: list[str]) -> bytes:
    content = io.BytesIO()
    canvas = Canvas(content, pagesize=A4, invariant=1)
    for page in pages:
        words = page.split()
        for line, start in enumerate(range(0, len(words), WORDS_A_LINE)):
            canvas.drawString(60, 780 - 14 * line, " ".join(words[start : start + WORDS_A_LINE]))
        canvas.showPage()
    canvas.save()
    return content.getvalue()
