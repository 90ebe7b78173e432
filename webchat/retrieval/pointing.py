# ruff: noqa: RUF001 - letters of other alphabets are what this file is about
"""Words that point back at what was said before: he, there, that; and in the beginning: and.

Only those that hardly ever do anything else. Left out are what is an article, a conjunction or an
empty subject as well (German “es” and “die”, French “en”, Dutch “het”), and the polite “Sie”.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# What opens a question that goes on from the one before | what means somebody or something that
# was named | what means a place, a time, or all that was said.
_POINTING = {
    "english": "and but or also | he him his she her hers it its they them their theirs"
    " | this these those there then former latter",
    "german": "und aber oder auch | er ihm ihn sein seine seinem seinen seiner seines sie ihr ihre"
    " ihrem ihren ihrer ihres ihnen | dort dorthin davon dafür daran darauf daraus darin darüber"
    " dabei dagegen danach davor dadurch dazu diese dieser dieses diesem diesen damals",
    "french": "et mais ou | il elle ils elles lui leur leurs son sa ses"
    " | celui celle ceux celles cela ça cet cette ces là alors",
    "spanish": "y e pero o | él ella ellos ellas su sus"
    " | eso esto ese esa esos esas allí ahí entonces",
    "italian": "e ma o | lui lei loro esso essa suo sua suoi sue"
    " | ciò questo questa quello quella questi queste lì là allora",
    "portuguese": "e mas ou | ele ela eles elas dele dela deles delas nele nela seu sua seus suas"
    " | isso isto esse essa este esta lá ali então",
    "dutch": "en maar of | hij hem ze zij haar hun hen"
    " | deze dit daar daarvan daarvoor daarin daarna toen ervan ervoor erin",
    "swedish": "och men eller | han hon honom henne hans hennes dess deras dem"
    " | där då denna detta dessa därefter",
    "danish": "og men eller | han hun ham hende hans hendes dens dets deres dem"
    " | denne dette disse dengang derefter",
    "norwegian": "og men eller | han hun ham henne hans hennes dens dets deres dem"
    " | denne dette disse deretter",
    "finnish": "ja mutta entä | hän hänen hänet häntä se sen sitä he heidän niiden ne"
    " | siitä siinä siellä sinne tämä tämän silloin",
    "hungarian": "és de | ő ők neki róla benne | azt ezt ez annak ennek ott akkor azok ezek",
    "romanian": "și dar iar | el ea ei ele lui lor său"
    " | acesta aceasta acest această acestea acolo atunci",
    "turkish": "ve peki | o onun ona onu onlar onların | orada orası bu bunu bunun",
    "russian": "а и но | он она оно они его её ее их ему ей им нём ней них"
    " | там туда этот эта это эти тогда",
}
# Where the same word does something else: “is there”, “dafür, dass”, “il y a”, the polite “Sie”.
_OTHERWISE = {
    "english": r"(?i:\b(?:is|are|was|were|be|been) there\b(?! *\?)|\bthere (?:is|are|was|were)\b"
    r"|\bit (?:take|takes|took|possible|allowed|necessary|common|true)\b)",
    "german": r"(?<=\S )(?:Sie|Ihnen|Ihr(?:e[mnrs]?)?)\b"
    r"|\bda(?:bei|durch|für|gegen|ran|rauf|raus|rin|rüber|von|zu)\b(?=[^?]*,)",
    "french": r"(?i:\bil (?:y a|faut|est possible)\b|\b(?:a-t|faut|est)-il\b)",
}
# “that” after a noun or a verb opens a clause; after one of these, or at the end, it points.
_ALSO = {
    "english": r"\b(?:is|was|are|were|does|did|has|had|can|could|will|would|of|in|at|on|for|from|to"
    r"|by|with|about|after|before|during|like|and|or) that\b|\bthat\b(?=\W*$)"
    r"|^\W*(?:what|how) about\b",
    "german": r"\bdas\b(?=\W*$| so\b| genau\b)|\bes\b(?=\W*$)",
}
_NEVER = "(?!)"
# A pronoun behind as many telling words means one of those (“When did Tesla sell his patents?”);
# it takes more of them to say where “there” is.
_NAMED, _SAID = 2, 3


@dataclass(frozen=True, slots=True)
class _Pointing:
    """Patterns: of what does not point, of what means something named, of what means the rest."""

    otherwise: re.Pattern[str]
    named: re.Pattern[str]
    said: re.Pattern[str]


def pointers(question: str, language: str) -> Iterator[tuple[str, int]]:
    """Yield for the first word of each kind that may point back what stands before it.

    With that comes how many telling words it must have for the word to mean one of them.
    """
    for pointing in (_OF_LANGUAGE.get(language, _UNSPACED), _UNSPACED):
        text = pointing.otherwise.sub(lambda found: " " * len(found.group()), question)
        if found := pointing.named.search(text):
            yield text[: found.start()], _NAMED
        if found := pointing.said.search(text):
            yield text[: found.start()], _SAID


def _of(language: str) -> _Pointing:
    openers, named, said = ("|".join(part.split()) for part in _POINTING[language].split("|"))
    also = _ALSO.get(language, _NEVER)
    return _Pointing(
        re.compile(_OTHERWISE.get(language, _NEVER)),
        re.compile(rf"\b(?:{named})\b", re.IGNORECASE),
        re.compile(rf"^\W*(?:{openers})\b|\b(?:{said})\b|{also}", re.IGNORECASE),
    )


_OF_LANGUAGE = {language: _of(language) for language in _POINTING}
_UNSPACED = _Pointing(
    re.compile("其他|其它|其中|其实|其余|其次|尤其|极其|土耳其|吉他|[他她]人|应该"),
    re.compile("[他她它其]|彼(?=[はがのをに女ら])"),
    re.compile(
        "那里|那儿|那裡|这里|这儿|這裡|[那这這][个個种種些样樣时時位家]|该|^\\s*那|呢\\W*$"
        "|それ|これ|その|この|そこ|ここ"
    ),
)
