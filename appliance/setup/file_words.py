"""What the command line says about a set-up file: its problems and its changes."""

from __future__ import annotations

from collections.abc import Mapping

from appliance.setup.file import Fault, FileProblem
from appliance.setup.plan import Change, ChangeKind

_PROBLEMS: Mapping[Fault, str] = {
    Fault.UNKNOWN: "there is no such name here; possible are {possible}.",
    Fault.WRONG_TYPE: "this must be {expected}.",
    Fault.MISSING: "this is missing.",
    Fault.REPEATED: "this name is in the file twice.",
    Fault.REFUSED: "{reason}",
    Fault.MODEL_MISSING: "the model {model} is not installed; `cloister model list` shows all.",
    Fault.MODEL_UNSUITABLE: "the model {model} cannot do this.",
    Fault.RUNNER_SILENT: "no model runner answers, so that no model can be chosen.",
    Fault.TOO_MANY_TARGETS: "there would be more than {most} targets, with those that exist.",
}
# As something that may still happen.
_CHANGES: Mapping[ChangeKind, str] = {
    ChangeKind.ADD_OPERATOR: "add the operator {subject}",
    ChangeKind.MAKE_OPERATOR: "make {subject} an operator",
    ChangeKind.SET: "set {subject} from {before} to {after}",
    ChangeKind.USE_MODEL: "use {after} for {subject}",
    ChangeKind.ADD_TARGET: "add the target “{subject}” at {after}",
    ChangeKind.CHANGE_TARGET: "change the target “{subject}”",
    ChangeKind.FINISH_STEP: "note the step “{subject}” as done",
    ChangeKind.SKIP_STEP: "skip the step “{subject}”",
}


def sentence_of(problem: FileProblem) -> str:
    """Say what is wrong at one place, and what would be right."""
    return f"{problem.where}: {_PROBLEMS[problem.fault].format(**problem.facts)}"


def words_of(change: Change) -> str:
    """Say what a change does."""
    return _CHANGES[change.kind].format(
        subject=change.subject, before=change.before, after=change.after
    )
