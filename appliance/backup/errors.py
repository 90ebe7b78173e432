"""What can go wrong while a set is made or read."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class SetTooNewError(ApplianceError):
    """The set was made by a later version of Cloister. Facts: `version`."""

    code = "set_too_new"
    status = HTTPStatus.CONFLICT
    sentence = "This set was made by Cloister {version}, which writes a later format."
    hint = "Install Cloister {version} or a later version on this machine, then restore the set."


class ManifestDamagedError(ApplianceError):
    """The list of contents of a set is missing, or cannot be read."""

    code = "manifest_damaged"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The set has no list of its contents that can be read."
    hint = "Restore another set, and verify the repository: `cloister backup verify`."
