"""What is wrong with `cloister.env`, in the words of the person who administers the machine."""

from __future__ import annotations

from appliance.core.environment_file import EnvironmentFinding, Problem

_SENTENCES = {
    Problem.NOT_A_SETTING: "“{value}” is not a setting; write NAME=value, or # before a comment.",
    Problem.FOREIGN_NAME: "{name} is not a setting of Cloister; remove the line.",
    Problem.UNKNOWN_NAME: "{name} is not a setting{nearest}",
    Problem.WRONG_VALUE: "{name}={value} cannot be used; it must be {expected}.",
    Problem.AMBIGUOUS: "{name}={value} can be read in two ways; write the value alone, without "
    "backslashes, inner quotes and comments.",
    Problem.UNREADABLE: "The file cannot be read as text in UTF-8.",
    Problem.GIVEN_TWICE: "{name} is set a second time; only this line counts.",
    Problem.NO_EFFECT: "{name} has no effect here: the package decides it.",
}


def sentence_of(finding: EnvironmentFinding) -> str:
    """Say what is wrong with a line, and what to write instead."""
    where = f"Line {finding.line}: " if finding.line else ""
    other = f"; did you mean {finding.nearest}?" if finding.nearest else "; see cloister.env(5)."
    sentence = _SENTENCES[finding.problem].format(
        name=finding.name, value=finding.value, expected=finding.expected, nearest=other
    )
    return f"{where}{sentence}"
