"""What keeps the audit from being verified."""

from __future__ import annotations

from appliance.core.errors import ApplianceError


class NoChainError(ApplianceError):
    """The database is that of a version without a chain."""

    code = "audit_not_linked"
    sentence = "The database was not brought up to date yet, so its audit has no chain."
    hint = "Start Cloister once; that brings it up to date."


class AnchorOfOtherDatabaseError(ApplianceError):
    """An anchor that was given is of another database. Facts: `position`."""

    code = "anchor_of_other_database"
    sentence = "The anchor of place {position} is of another database than the present one."
    hint = "A restore puts another database in place; use an anchor from after the restore."
