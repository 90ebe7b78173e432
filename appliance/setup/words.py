"""What people read about the steps of the set-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.setup.model import Step


@dataclass(frozen=True, slots=True)
class StepWords:
    """A step: its name, what it decides, and what follows when it is skipped."""

    title: str
    purpose: str
    if_skipped: str


_WORDS: Mapping[Step, StepWords] = {
    Step.START: StepWords(
        "New machine or restore",
        "Begin with an empty machine, or bring back the backups of another one.",
        "The machine stays as it is. Backups can be restored later, on the page Backups.",
    ),
    Step.NAMES: StepWords(
        "Names",
        "The name under which people open this machine, and further ones.",
        "Links and the certificate name the machine as it calls itself, and every name is "
        "served that leads to it.",
    ),
    Step.TLS: StepWords(
        "Certificate",
        "By its certificate, a browser knows that it talks to this machine.",
        "The machine goes on with the certificate that it has now. If its own authority "
        "made it, browsers warn until its root is installed on the computers of people.",
    ),
    Step.OPERATORS: StepWords(
        "Operators",
        "A second operator can let you in again when you lose your password.",
        "You are the only operator. If you lose your password, root lets you in again on "
        "the machine, with “cloister claim”.",
    ),
    Step.MODELS: StepWords(
        "Models",
        "One model writes the answers, one finds passages by their meaning.",
        "Cloister takes the first models that can do the work. Without any, it quotes the "
        "best passages word for word.",
    ),
    Step.BACKUPS: StepWords(
        "Backups",
        "When backups are made, where they are copied, and the key that opens them.",
        "Backups are made on this disk alone. When the machine is lost, they are lost.",
    ),
    Step.CHECK: StepWords(
        "Check",
        "Cloister reads a test document, answers a question about it, and removes it.",
        "You find out later whether people get answers at the address of this machine.",
    ),
}


def words_of(step: Step) -> StepWords:
    """Return the words of a step."""
    return _WORDS[step]
