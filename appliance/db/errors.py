"""Errors of the schema and its migrations."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class SchemaTooNewError(ApplianceError):
    """The database was migrated by a later version of Cloister."""

    code = "schema_too_new"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "The database is at migration {found}, but this version knows only up to {known}."
    hint = "Install the newer version again; this one would damage the data."


class MigrationFailedError(ApplianceError):
    """A migration was rolled back."""

    code = "migration_failed"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "The database migration {name} failed: {reason}"
    hint = "Nothing was changed by it. Keep the data directory and report this message."
