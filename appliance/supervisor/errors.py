"""What can go wrong with the supervisor itself."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class SupervisorRunningError(ApplianceError):
    """Another supervisor manages the same home."""

    code = "supervisor_running"
    status = HTTPStatus.CONFLICT
    sentence = "Cloister already runs: another supervisor holds {lock}."
    hint = "Use the one that runs, or stop it first. `cloister status` shows it."
