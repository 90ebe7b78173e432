"""Find words of a question that refer to an earlier one: he, there, that; at the start also: and.

The lists hold words that rarely do anything else. They leave out words that are also an article,
a conjunction or an empty subject (German “es” and “die”, French “en”, Dutch “het”), and the
polite “Sie”.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

# Other uses of the same words: “is there”, “dafür, dass”, “il y a”, the polite “Sie”.
_OTHER_USES = {
    "english": r"(?i:\b(?:is|are|was|were|be|been) there\b(?! *\?)|\bthere (?:is|are|was|were)\b"
    r"|\bit (?:take|takes|took|possible|allowed|necessary|common|true)\b)",
    "german": r"(?<=\S )(?:Sie|Ihnen|Ihr(?:e[mnrs]?)?)\b"
    r"|\bda(?:bei|durch|für|gegen|ran|rauf|raus|rin|rüber|von|zu)\b(?=[^?]{0,300},)",
    "french": r"(?i:\bil (?:y a|faut|est possible)\b|\b(?:a-t|faut|est)-il\b)",
}
# “that” after a noun or a verb opens a clause; after one of these, or at the end, it refers back.
_MORE = {
    "english": r"\b(?:is|was|are|were|does|did|has|had|can|could|will|would|of|in|at|on|for|from|to"
    r"|by|with|about|after|before|during|like|and|or) that\b|\bthat\b(?=\W*$)"
    r"|^\W*(?:what|how) about\b",
    "german": r"\bdas\b(?=\W*$| so\b| genau\b)|\bes\b(?=\W*$)",
}
_NEVER = "(?!)"
# A pronoun after this many keywords refers to one of them (“When did Tesla sell his patents?”);
# “there” needs more of them.
_NAMED, _SAID = 2, 3


@dataclass(frozen=True, slots=True)
class _References:
    """Patterns of other uses, of words for a named thing, and of words for all that was said."""

    other_uses: re.Pattern[str]
    named: re.Pattern[str]
    said: re.Pattern[str]


def references_back(question: str, language: str) -> Iterator[tuple[str, int]]:
    """Yield the text before the first word of each kind that may refer to an earlier question.

    The number with it says how many keywords that text needs for the word to refer to one of them.
    """
    for references in (_OF_LANGUAGE.get(language, _UNSPACED), _UNSPACED):
        text = references.other_uses.sub(lambda found: " " * len(found.group()), question)
        if found := references.named.search(text):
            yield text[: found.start()], _NAMED
        if found := references.said.search(text):
            yield text[: found.start()], _SAID


def _of(language: str, lists: dict[str, str]) -> _References:
    openers, named, said = ("|".join(lists[name].split()) for name in ("openers", "named", "said"))
    more = _MORE.get(language, _NEVER)
    return _References(
        re.compile(_OTHER_USES.get(language, _NEVER)),
        re.compile(rf"\b(?:{named})\b", re.IGNORECASE),
        re.compile(rf"^\W*(?:{openers})\b|\b(?:{said})\b|{more}", re.IGNORECASE),
    )


_WORDS = tomllib.loads(
    resources.files("appliance.text").joinpath("anaphora.toml").read_text("utf-8")
)
_OF_LANGUAGE = {language: _of(language, lists) for language, lists in _WORDS.items()}
_UNSPACED = _References(
    re.compile("其他|其它|其中|其实|其余|其次|尤其|极其|土耳其|吉他|[他她]人|应该"),
    re.compile("[他她它其]|彼(?=[はがのをに女ら])"),
    re.compile(
        "那里|那儿|那裡|这里|这儿|這裡|[那这這][个個种種些样樣时時位家]|该|^\\s*那|呢\\W*$"
        "|それ|これ|その|この|そこ|ここ"
    ),
)
