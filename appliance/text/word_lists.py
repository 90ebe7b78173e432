"""The word lists of this folder: one TOML file each, with one string of words for each language."""

from __future__ import annotations

import os
import tomllib
from functools import cache


def word_lists(file_name: str) -> dict[str, frozenset[str]]:
    """Return the words of each language, by the name of PostgreSQL's configuration for it."""
    # Each parser process would load pathlib or importlib.resources for this alone.
    path = os.path.join(os.path.dirname(__file__), file_name)  # noqa: PTH118, PTH120
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        text = file.read()
    return {language: frozenset(words.split()) for language, words in tomllib.loads(text).items()}


STOP_WORDS = word_lists("stop_words.toml")


@cache
def request_words() -> dict[str, frozenset[str]]:
    """Return the request words of each language. Only questions have them."""
    return word_lists("request_words.toml")
