"""What can go wrong with a repository and its keys."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError
from appliance.repository.model import Saved


class ResticMissingError(ApplianceError):
    """The program that reads and writes repositories is not installed."""

    code = "restic_missing"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "Backups need the program restic, which is not installed."
    hint = "Install the package restic, as root: `apt install restic`."


class RepositoryMissingError(ApplianceError):
    """There is no repository where one is expected. Facts: `place`."""

    code = "repository_missing"
    status = HTTPStatus.NOT_FOUND
    sentence = "There is no repository at {place}."
    hint = "Check that the disk or the target is there. A new machine makes one with its first set."


class RepositorySilentError(ApplianceError):
    """Nothing answered at the place of a repository. Facts: `place`, `seconds`."""

    code = "repository_silent"
    status = HTTPStatus.GATEWAY_TIMEOUT
    sentence = "The backups at {place} cannot be read: nothing answered for {seconds} seconds."
    hint = "Look whether the disk, the share or the server behind it still works, then try again."


class RepositoryUnreadableError(ApplianceError):
    """The gateway to a copy says that its place fails. Facts: `place`, `reason`: a sentence."""

    code = "repository_unreadable"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The copy of the backups cannot be read: {reason}"
    hint = "Look whether the target can be reached, then try again. The copy itself is unchanged."


class KeyMistypedError(ApplianceError):
    """The checksum of a typed recovery key is wrong: a slip of the keyboard, whatever it opens."""

    code = "key_mistyped"
    sentence = "This is not a recovery key as it was printed: at least one character is wrong."
    hint = "Compare it with the sheet, group by group: nine groups of four letters and digits."


class KeyRetiredError(ApplianceError):
    """The key opened this repository once. Facts: `found`, `expected`: fingerprints."""

    code = "key_retired"
    sentence = "The recovery key {found} was replaced, and no longer opens these backups."
    hint = "Take the newer sheet: the key {expected} opens all sets, also the older ones."


class KeyUnknownError(ApplianceError):
    """The key never opened this repository. Facts: `found`, `expected`: fingerprints."""

    code = "key_unknown"
    sentence = "The recovery key {found} belongs to another repository."
    hint = "These backups are opened by the key {expected}. Compare the fingerprint on the sheet."


class KeyRefusedError(ApplianceError):
    """The repository does not open with a key that should open it. Facts: `found`."""

    code = "key_refused"
    sentence = "The key {found} does not open this repository."
    hint = (
        "Its key file may be damaged: the sheet holds a copy of it, which a restore can use. If it "
        "is the key of this machine, `cloister backup key machine` lets it in again."
    )


class KeyMissingError(ApplianceError):
    """The machine's own key is not there."""

    code = "machine_key_missing"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "The machine's own key for its backups is missing."
    hint = (
        "As root, `dpkg-reconfigure cloister` makes another one; `cloister backup key machine` "
        "then lets it open the backups, and asks for the recovery key."
    )


class RepositoryBusyError(ApplianceError):
    """Another program holds the repository."""

    code = "repository_busy"
    status = HTTPStatus.CONFLICT
    sentence = "The repository is locked by other work."
    hint = "Try again when that work has ended; the list of jobs shows it."


class RepositoryFailedError(ApplianceError):
    """The program refused. Facts: `work`, `reason`: its last line."""

    code = "repository_failed"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The repository did not allow “{work}”: {reason}"
    hint = "Look whether its disk is full or read-only, then start the work again."


class RepositoryCrashedError(RepositoryFailedError):
    """The program crashed, as an older one does on a full disk. Facts: the same."""

    code = "repository_crashed"
    sentence = "The program restic crashed during “{work}”: {reason}"


class RepositoryFullError(RepositoryFailedError):
    """The disk of the repository, or that for temporary files, has no room. Facts: the same."""

    code = "repository_full"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "The disk of the repository has no room for “{work}”: {reason}"
    hint = "Make room on this disk, then start the work again. What is saved already stays whole."


class OutputFullError(ApplianceError):
    """There is no room for what is read from a repository. Facts: `place`."""

    code = "output_full"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "The disk of {place} has no room for what is read from the repository."
    hint = "Make room on this disk, then start the work again."


class RepositoryDamagedError(ApplianceError):
    """Files of the repository are not what was written. Facts: `reason`: names what is damaged."""

    code = "repository_damaged"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "Files of the repository are damaged: {reason}"
    hint = (
        "Nothing is removed until it is repaired. A new set is made at once; restore from an "
        "off-site copy, or from a set that is still verified."
    )


class GatewayMissingError(ApplianceError):
    """The copy at a target is not shown at this moment. Facts: `target`."""

    code = "gateway_missing"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "The off-site target {target} is not opened for reading."
    hint = "Look at the log of cloister-offsite@{target}, and whether the target can be reached."


class KeyNeededError(ApplianceError):
    """The key must stay. Facts: `key`: the name of its file."""

    code = "key_needed"
    status = HTTPStatus.CONFLICT
    sentence = "The key {key} must stay: it is the only recovery key, or there is no such key."
    hint = "Make a new recovery key and prove it first; then the old one can be removed."


class SourcesUnreadError(Exception):
    """A snapshot was saved without some of its files: `items`, as far as the program names them."""

    def __init__(self, saved: Saved, items: tuple[str, ...]) -> None:
        super().__init__(saved.id)
        self.saved = saved
        self.items = items
