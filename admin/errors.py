"""Reasons not to open the console."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class NotOperatorError(ApplianceError):
    """Name and password are right, but of a member."""

    code = "not_operator"
    status = HTTPStatus.FORBIDDEN
    sentence = "The console is for operators, and yours is a member account."
    hint = "Ask questions and add documents at {address}."


class LocksOutError(ApplianceError):
    """A stop would take the console from its user. Facts: `service`, `name`."""

    code = "locks_out"
    status = HTTPStatus.CONFLICT
    sentence = "{service} cannot be stopped here: this console is behind it."
    hint = "Restart it instead. On the machine, “sudo cloister stop {name}” stops it."


class RecoveryKeyNotProvedError(ApplianceError):
    """The step of the set-up for backups lacks what matters most."""

    code = "recovery_key_not_proved"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The schedule is saved, but no recovery key was proved yet."
    hint = "Make the key and type it back, or skip this step."


class RescueCodeError(ApplianceError):
    """A rescue code that is unknown, used, replaced or too old."""

    code = "rescue_code_not_valid"
    status = HTTPStatus.FORBIDDEN
    sentence = "This rescue code does not work: it was used, replaced, or it is too old."
    hint = "Run “cloister rescue” on the machine to get a new one."


class RescueNotNeededError(ApplianceError):
    """The database answers, so that passwords can be checked."""

    code = "rescue_not_needed"
    status = HTTPStatus.CONFLICT
    sentence = "The database answers, so a rescue code is not needed."
    hint = "Sign in with your name and password. The code was not used up."
