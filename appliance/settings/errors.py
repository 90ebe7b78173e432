"""What can be wrong with a setting."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from http import HTTPStatus
from typing import Self

from appliance.core.errors import ApplianceError


class UnknownSettingError(ApplianceError):
    """There is no such setting. Facts: `name`, `nearest`."""

    code = "unknown_setting"
    status = HTTPStatus.NOT_FOUND
    sentence = "There is no setting named “{name}”{nearest}"
    hint = "“cloister setting list” shows all of them."

    @classmethod
    def named(cls, name: str, known: Sequence[str]) -> Self:
        """Return the error with the known name that is spelt most like `name`, if one is."""
        found = difflib.get_close_matches(name, known, n=1)
        return cls(name=name, nearest=f"; did you mean “{found[0]}”?" if found else ".")


class SettingInvalidError(ApplianceError):
    """A value that the entry cannot have. Facts: `title`, `bounds`."""

    code = "setting_invalid"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "“{title}” must be {bounds}."
    hint = "Nothing was changed."


class SettingChangedError(ApplianceError):
    """Another operator changed an entry meanwhile. Facts: `name`, `title`, `value`, `by`."""

    code = "setting_changed"
    status = HTTPStatus.CONFLICT
    sentence = "“{title}” was changed meanwhile by {by}; it is now “{value}”."
    hint = "Nothing was changed. Look at the new value, and save again if you still want another."


class StartFileError(ApplianceError):
    """The file that has the settings of the start cannot be written. Facts: `reason`."""

    code = "start_file"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "The file with the settings of the start cannot be written: {reason}."
    hint = "What runs keeps its settings. Make room on the disk; it is tried again within a minute."
