"""What only the command line can find wrong."""

from __future__ import annotations

from appliance.core.errors import ApplianceError


class NotRunningError(ApplianceError):
    """Nothing listens on the control socket."""

    code = "not_running"
    sentence = "Cloister is not running with its data in {home}."
    hint = "Start it with “make run”, or set CLOISTER_HOME to the folder of the one you mean."


class ServiceNotRunningError(NotRunningError):
    """Nothing listens on the control socket of the installed appliance."""

    sentence = "Cloister's supervisor is not running."
    hint = "`systemctl status cloister` says why, `cloister doctor` what else is amiss."


class ChatNotRunningError(NotRunningError):
    """No chat server listens on the command line's sockets."""

    sentence = "No chat server is running."
    hint = "`cloister status` says why."


class RightsMissingError(ApplianceError):
    """The socket exists, and the caller's account may not connect to it."""

    code = "rights_missing"
    sentence = "Your account may not use this command."
    hint = "Use sudo: only root, and the account that runs the appliance, may do this."


class NoSuchFileError(ApplianceError):
    """A path on the command line that cannot be read."""

    code = "no_such_file"
    sentence = "“{path}” cannot be read: {reason}."
    hint = "Check the path and its permissions."


class ConfirmationNeededError(ApplianceError):
    """A verb asks before it acts, and there is no terminal at which to ask."""

    code = "confirmation_needed"
    sentence = "{consequences} Nothing was changed: the command asks first, and has no terminal."
    hint = "Add --yes to do it without a question."


class DeclinedError(ApplianceError):
    """The person at the terminal did not agree."""

    code = "declined"
    sentence = "Nothing was changed."
    hint = "Answer y to go on."


class KeyNotTypedError(ApplianceError):
    """A recovery key is needed, and there is no terminal at which it could be typed."""

    code = "recovery_key_needed"
    sentence = "The recovery key is needed, and there is no terminal at which it could be typed."
    hint = "Add --key-file FILE, or --key-file - to read the key from standard input."


class SetupFileUnreadableError(ApplianceError):
    """The set-up file is no TOML. Facts: `path`, `reason`."""

    code = "setup_file_unreadable"
    sentence = "“{path}” is no TOML file: {reason}."
    hint = "docs/reference/setup-file.md shows one. Nothing was changed."


class SecretInFileError(ApplianceError):
    """A secret stands in the set-up file. Facts: `section`, `name`."""

    code = "secret_in_file"
    sentence = "The set-up file has a {name} in [[{section}]]. Secrets do not belong in it."
    hint = "Write it into a file of its own, and name that: {name}_file = “FILE”, or “-”."


class TwoSecretsError(ApplianceError):
    """More than one secret of the set-up file would be read from standard input."""

    code = "two_secrets"
    sentence = "The set-up file reads more than one secret from standard input."
    hint = "Only one of them can be “-”; name files for the others."
