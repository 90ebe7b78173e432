"""What can go wrong with a unit, in words for the operator."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError, NotFoundError


class UnitUnknownError(NotFoundError):
    """There is no service of this name. Facts: `unit`."""

    code = "unit_unknown"
    sentence = "There is no service named “{unit}”."
    hint = "`cloister status` lists the services."


class PreparationError(ApplianceError):
    """What a unit needs before it starts could not be made."""

    code = "unit_not_prepared"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "{unit} cannot start: {problem}"
    hint = "The log of the service says more: `cloister logs {unit}`."


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


class NoCertificateError(PreparationError):
    """There is no certificate to serve."""

    code = "no_certificate"
    hint = "`cloister tls use --own` makes one; then `cloister restart nginx`."


class SystemBusError(ApplianceError):
    """The system bus, or systemd on it, does not answer."""

    code = "system_bus"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "systemd does not answer on the system bus: {problem}"
    hint = "`systemctl status dbus` shows how the bus is."


class SystemdRefusedError(ApplianceError):
    """Systemd understood, and said no; `name` is the name of the error on the bus."""

    code = "systemd_refused"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "{problem}"
    hint = "`systemctl status {unit}` says more."


class NotAllowedError(SystemdRefusedError):
    """No rule of polkit lets our account do this to this unit."""

    code = "systemd_not_allowed"
    status = HTTPStatus.FORBIDDEN
    sentence = "{problem}"
    hint = "The rule that allows it belongs to the package: `apt install --reinstall cloister`."


class UnitFileMissingError(SystemdRefusedError):
    """The unit's file is not there, or systemd cannot use it."""

    code = "unit_file_missing"
    sentence = "{problem}"
    hint = "It belongs to the package: `apt install --reinstall cloister` brings it back."
