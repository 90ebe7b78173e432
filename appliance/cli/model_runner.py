"""The model runner that the verbs of this machine ask."""

from __future__ import annotations

from appliance.core.settings import Settings
from appliance.llm.client import DEFAULT_TIMEOUTS, ModelRunner
from appliance.llm.condition import published_condition
from appliance.llm.model import Timeouts


def runner_address(settings: Settings) -> str:
    """Return the address of the one that OLLAMA_HOST names, or of the appliance's own."""
    try:
        own_port = int((settings.models / "port").read_text())
    except (OSError, ValueError):
        return settings.runner_address
    return settings.ollama_url or f"http://127.0.0.1:{own_port}"


def model_runner(settings: Settings, *, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> ModelRunner:
    """Return a client, which says why it has no answer, as far as it is known."""
    is_elsewhere = settings.ollama_url is not None
    know = published_condition(settings.runner_condition, elsewhere=is_elsewhere)
    return ModelRunner(runner_address(settings), timeouts=timeouts, know=know)
