"""What an actor may not do."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class RescueOnlyError(ApplianceError):
    """A rescue code opens the console for bringing the units back, and for nothing else."""

    code = "rescue_only"
    status = HTTPStatus.FORBIDDEN
    sentence = "A rescue session may only look after the services."
    hint = "Sign in with your name and password once the database is back."
