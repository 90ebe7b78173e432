"""What can go wrong with a unit, in words for the operator."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError, NotFoundError


class UnitUnknownError(NotFoundError):
    """Nobody has heard of this unit."""

    code = "unit_unknown"
    sentence = "There is no unit {unit}."
    hint = "`cloister status` lists the units."


class PreparationError(ApplianceError):
    """What a unit needs before it starts could not be made."""

    code = "unit_not_prepared"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "{unit} cannot start: {problem}"
    hint = "The unit's log says more: `cloister logs {unit}`."


class DatabaseVersionError(ApplianceError):
    """The data directory belongs to another major version of PostgreSQL."""

    code = "database_version"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "The database was made by PostgreSQL {found}, but PostgreSQL {installed} is used."
    hint = "Install PostgreSQL {found} with pgvector again, or restore a backup into a new home."


class DatabaseMissingError(ApplianceError):
    """No PostgreSQL with pgvector was found, and nothing works without it."""

    code = "database_missing"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "There is no PostgreSQL 15 or later with pgvector 0.8 or later."
    hint = "Run `make run`, which brings one, or install postgresql-17-pgvector."
