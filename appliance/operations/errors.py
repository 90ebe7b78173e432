"""What can go wrong between an operation and the process that started it."""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar

from typing_extensions import override

from appliance.core.errors import ApplianceError
from appliance.operations.model import Result


class OperationError(ApplianceError):
    """An operation ended with an error, in its own words. `result` has its code and its facts."""

    code: ClassVar[str] = "operation_failed"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "{message}"
    hint = "{advice}"

    def __init__(self, result: Result) -> None:
        super().__init__(message=result.message, advice=result.hint)
        self.result = result

    @override
    def as_json(self, *_: object) -> dict[str, str]:
        """Return the error as the operation itself would print it."""
        return {
            "code": self.result.code,
            "message": self.result.message,
            "hint": self.result.hint,
        }


class OperationBusyError(ApplianceError):
    """The operation works for another asker. Facts: `operation`."""

    code = "operation_busy"
    status = HTTPStatus.CONFLICT
    sentence = "The work “{operation}” is being done for another request."
    hint = "Wait until it has ended, then try again. The list of jobs may show it."


class OperationHeldUpError(ApplianceError):
    """A process of earlier work cannot be ended. Facts: `operation`."""

    code = "operation_held_up"
    status = HTTPStatus.CONFLICT
    sentence = "Earlier work “{operation}” still waits for a disk or a share that does not answer."
    hint = "Bring that disk or its server back, or unmount it by force: `umount --force --lazy`."


class OperationLostError(ApplianceError):
    """The process of an operation ended without saying how: killed, or out of memory."""

    code = "operation_lost"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The work “{operation}” ended before it was done."
    hint = "Its log says more: `journalctl -u {unit}` on the machine. Start it again."


class OperationCancelledError(ApplianceError):
    """A person ended the operation, or its machine shuts down."""

    code = "operation_cancelled"
    sentence = "The work was ended before it was done."
    hint = "Start it again at any time."
