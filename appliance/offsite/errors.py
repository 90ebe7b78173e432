"""What can go wrong with an off-site copy. Nothing here ever holds a secret."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError, FieldsInvalidError

_MOST_NAMED = 5


class TargetInvalidError(FieldsInvalidError):
    """What an operator typed is no target."""

    code = "offsite_target_invalid"


class TargetMissingError(ApplianceError):
    """There is no target with this number. Facts: `number`."""

    code = "offsite_target_missing"
    status = HTTPStatus.NOT_FOUND
    sentence = "There is no off-site target {number}."
    hint = "The page “Backups” lists the targets."


class TargetRequestError(ApplianceError):
    """The request of an operation asks for nothing that there is."""

    code = "offsite_request_invalid"
    sentence = "The request for the off-site target cannot be understood."
    hint = "Start the work from the page “Backups”, or with `cloister backup`."


class TargetUnreachableError(ApplianceError):
    """The target does not answer, or went away. Facts: `place`, `reason`."""

    code = "offsite_unreachable"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "{place} cannot be reached: {reason}."
    hint = (
        "Check that it is switched on and that its address is right. "
        "A copy that was cut off goes on where it ended."
    )


class TargetFolderMissingError(TargetUnreachableError):
    """The same for a folder of this machine. Facts: `place`."""

    sentence = "There is no folder {place}."
    hint = (
        "Mount its disk. If the disk is new, make the folder for the account that makes the "
        "copies: the guide “Back up” has the command."
    )


class TargetSilentError(ApplianceError):
    """The target took or sent nothing for too long. Facts: `place`, `seconds`."""

    code = "offsite_silent"
    status = HTTPStatus.GATEWAY_TIMEOUT
    sentence = "{place} did not take or send anything for {seconds} seconds."
    hint = "Check the line and the target. The next copy goes on where this one ended."


class TargetUnprovenError(ApplianceError):
    """The target is not known yet, or it is another one. Facts: `place`, `found`, `expected`."""

    code = "offsite_identity"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "{place} proves itself with {found}, and {expected} is expected."
    hint = (
        "Compare the fingerprint with what its administrator sees. Enter it at the target only if "
        "it is the same: otherwise another machine answers in its place."
    )


class TargetRefusedError(ApplianceError):
    """The target refuses the name, the password or the key, or what they may do."""

    code = "offsite_refused"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "{place} refuses this account."
    hint = "Enter user and password, or key, again, and check what the account may do there."


class TargetFullError(ApplianceError):
    """There is no room left. Facts: `place`."""

    code = "offsite_full"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "{place} is full."
    hint = "Make room there, or use a larger target. The next copy goes on where this one ended."


class CopyFullError(TargetFullError):
    """The same in the middle of a copy. Facts: `place`, `needed`, and `free` where it is known."""

    sentence = "{place} is full: {room}{needed} are still to be copied."

    def __init__(self, place: str, needed: str, free: str | None) -> None:
        room = "" if free is None else f"{free} are free, and "
        super().__init__(place=place, needed=needed, free=free, room=room)


class TargetReadOnlyError(ApplianceError):
    """Files cannot be written there. Facts: `place`."""

    code = "offsite_read_only"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "Nothing can be written to {place}."
    hint = (
        "It is mounted read-only, or it belongs to another account: give it to the account that "
        "makes the copies."
    )


class TargetNotMountedError(ApplianceError):
    """The folder does not have the file that was put there at set-up. Facts: `place`."""

    code = "offsite_not_mounted"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The disk of the target is not mounted at {place}."
    hint = (
        "Mount it. If this is a new disk, press “Try to reach it” beside it: "
        "this prepares the folder for copies."
    )


class TargetOfAnotherError(ApplianceError):
    """Another repository is copied to this place. Facts: `place`."""

    code = "offsite_other_repository"
    status = HTTPStatus.CONFLICT
    sentence = "{place} holds the backups of another machine, or of an earlier installation."
    hint = "Use another folder or prefix for this machine. Those backups can still be restored."


class TargetEmptyError(ApplianceError):
    """The target holds no copy. Facts: `place`."""

    code = "offsite_empty"
    status = HTTPStatus.NOT_FOUND
    sentence = "There is no copy at {place}."
    hint = "Check the address. A first copy is made by “Copy now”."


class NoBackupsThereError(ApplianceError):
    """The place answers, and holds no repository. Facts: `place`."""

    code = "offsite_no_backups"
    status = HTTPStatus.NOT_FOUND
    sentence = "There are no backups at {place}."
    hint = (
        "Name the place that holds the file “config” and the folders “data”, “index”, “keys” and "
        "“snapshots”. Of a disk, check that it is mounted."
    )


class TargetRestoresOnlyError(ApplianceError):
    """Backups are only read there. Facts: `name`."""

    code = "offsite_restores_only"
    status = HTTPStatus.CONFLICT
    sentence = "“{name}” is only restored from: nothing is copied there."
    hint = "Add a target for the copies of this machine, in another folder or below another prefix."


class TargetUnreadableError(ApplianceError):
    """The account that copies may not read the folder. Facts: `place`, `account`, `owner`."""

    code = "offsite_unreadable"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The account {account} may not read {place}."
    hint = (
        "It must be able to enter the folders above. "
        "Give it the files, as root: sudo chown -R {owner} {place}"
    )


class TargetFailedError(ApplianceError):
    """The target answers something else than it should. Facts: `place`, `reason`."""

    code = "offsite_failed"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "{place} did not do what it was asked: {reason}."
    hint = "Look at the log of the target. The next copy goes on where this one ended."


class CopyDamagedError(ApplianceError):
    """Some files were not copied. Facts: `here`, `there`: the names of damaged files."""

    code = "offsite_damaged"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "{problems}"
    hint = (
        "Verify the repository: `cloister backup verify`. A damaged file at the target is never "
        "overwritten: move it away there, and the next copy brings it again."
    )

    def __init__(self, here: list[str], there: list[str]) -> None:
        told = [
            f"{len(names)} {words}: {_named(names)}."
            for names, words in (
                (here, "files of this machine's repository are damaged and were not copied"),
                (there, "files at the target differ from those here"),
            )
            if names
        ]
        super().__init__(problems=" ".join(told), here=here, there=there)


class FileThereError(Exception):
    """A file of this name is there already; it was not touched."""


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
