"""Split text into search words, by the same rules for documents and for questions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.core.text import normalized
from appliance.text.language import detect
from appliance.text.scripts import LETTERS
from appliance.text.word_lists import REQUEST_WORDS, STOP_WORDS

# Words of a question that do not describe its subject.
_IN_QUESTIONS = {
    language: STOP_WORDS[language] | REQUEST_WORDS[language] for language in STOP_WORDS
}

# Scripts written without spaces between words: Han with its marks, kana, Hangul, Thai, Lao,
# Burmese and Khmer. Pairs of neighbours serve as words there, which needs no dictionary.
# Hangul has spaces but glues particles to its words; pairs find the word below them.
_UNSPACED = LETTERS + r"\u3005-\u3007\uac00-\ud7af"
# Vowel signs, which belong to the letter before them and are not matched by \w.
_MARKS = r"\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
UNSPACED = re.compile(rf"[{_UNSPACED}]")
_TOKEN = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)"
    r"|(?P<number>\d+(?:[.,]\d+)+)(?![^\W_])"
    rf"|(?P<word>(?:[^\W_{_UNSPACED}]|[{_MARKS}])+)"
)
# Longer than any chunk of a document, and than what is read of a question.
LONGEST = 8000
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")


def search_text(text: str) -> str:
    """Return `text` as words separated by spaces, to feed to `to_tsvector`.

    PostgreSQL's own parser reads “and/or” as a file path and a Chinese sentence as one word. This
    text has plain words only; PostgreSQL still stems them and drops stop words.
    """
    return " ".join(_words(text))


def question_language(text: str) -> str:
    """Return the language of a question, or `simple` when in doubt.

    Request words count here, unlike in documents: a short request has few other words.
    """
    return detect(text, _IN_QUESTIONS)


def question_words(question: str, language: str) -> tuple[str, ...]:
    """Return the words of a question without the stop words and request words of `language`.

    Each is there once, in order. The result may be empty.
    """
    dropped = _IN_QUESTIONS.get(language, frozenset())
    return tuple(word for word in all_words(question) if word not in dropped)


def all_words(text: str) -> tuple[str, ...]:
    """Return every word of a text once, in order."""
    return tuple(dict.fromkeys(_words(text)))


def _words(text: str) -> Iterator[str]:
    plain = normalized(text, "NFKC", LONGEST).casefold()
    for match in _TOKEN.finditer(plain):
        found = match.group()
        match match.lastgroup:
            case "unspaced" if len(found) > 1:
                yield from (found[at : at + 2] for at in range(len(found) - 1))
            case "number" if _THOUSANDS.fullmatch(found):
                yield found.replace(",", "")
            case _:
                yield found
