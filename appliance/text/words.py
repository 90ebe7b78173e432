"""Split text into search words, by the same rules for documents and for questions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from appliance.core.text import normalized
from appliance.text.language import detect
from appliance.text.scripts import LETTERS
from appliance.text.word_lists import STOP_WORDS, request_words

# Scripts written without spaces between words: Han with its marks, kana, Hangul, Thai, Lao,
# Burmese and Khmer. Pairs of neighbours serve as words there, which needs no dictionary.
# Hangul has spaces but glues particles to its words; pairs find the word below them.
_UNSPACED = LETTERS + r"\u3005-\u3007\uac00-\ud7af"
# Vowel signs, which belong to the letter before them and are not matched by \w.
_MARKS = r"\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
UNSPACED = rf"[{_UNSPACED}]"
_NUMBER = r"(?P<number>\d+(?:[.,]\d+)+)(?![^\W_])"
_ASCII_TOKEN = re.compile(rf"{_NUMBER}|(?P<word>[^\W_]+)", re.ASCII)
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
    return detect(text, _in_questions())


def question_words(question: str, language: str) -> tuple[str, ...]:
    """Return the words of a question without the stop words and request words of `language`.

    Each is there once, in order. The result may be empty.
    """
    dropped = _in_questions().get(language, frozenset())
    return tuple(word for word in all_words(question) if word not in dropped)


def all_words(text: str) -> tuple[str, ...]:
    """Return every word of a text once, in order."""
    return tuple(dict.fromkeys(_words(text)))


def _words(text: str) -> Iterator[str]:
    plain = normalized(text, "NFKC", LONGEST).casefold()
    for match in (_ASCII_TOKEN if plain.isascii() else _token()).finditer(plain):
        found = match.group()
        match match.lastgroup:
            case "unspaced" if len(found) > 1:
                yield from (found[at : at + 2] for at in range(len(found) - 1))
            case "number" if _THOUSANDS.fullmatch(found):
                yield found.replace(",", "")
            case _:
                yield found


@cache
def _token() -> re.Pattern[str]:
    """Return the pattern of a word. It takes long to compile, and a text in ASCII needs less."""
    return re.compile(
        rf"(?P<unspaced>[{_UNSPACED}]+)|{_NUMBER}|(?P<word>(?:[^\W_{_UNSPACED}]|[{_MARKS}])+)"
    )


@cache
def _in_questions() -> dict[str, frozenset[str]]:
    """Return the words of a question that do not describe its subject, of each language."""
    return {language: STOP_WORDS[language] | request_words()[language] for language in STOP_WORDS}
