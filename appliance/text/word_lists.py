"""The word lists of this folder: one TOML file each, with one string of words for each language."""

from __future__ import annotations

import tomllib
from importlib import resources


def word_lists(file_name: str) -> dict[str, frozenset[str]]:
    """Return the words of each language, by the name of PostgreSQL's configuration for it."""
    text = resources.files("appliance.text").joinpath(file_name).read_text("utf-8")
    return {language: frozenset(words.split()) for language, words in tomllib.loads(text).items()}


STOP_WORDS = word_lists("stop_words.toml")
REQUEST_WORDS = word_lists("request_words.toml")
