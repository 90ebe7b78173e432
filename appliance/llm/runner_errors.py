"""Why the model runner does not answer, in the words of each audience."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from appliance.core.errors import ApplianceError, Audience, Words
from appliance.llm.condition import Silence

_QUOTED = "Questions are answered with passages from the documents, word for word."
_QUOTED_UNTIL = f"Until then, {_QUOTED[0].lower()}{_QUOTED[1:]}"


class ModelRunnerUnavailableError(ApplianceError):
    """The model runner does not answer; each subclass knows why. Facts: `reason`, `address`.

    The code is the same for all: a program that asks cannot do anything else about one of them.
    """

    code = "model_runner_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "The model runner does not answer at the moment."
    hint = _QUOTED_UNTIL


class RunnerMissingError(ModelRunnerUnavailableError):
    """There is no model runner on this machine, and no address of another one."""

    sentence = "This machine has no model runner."
    hint = f"{_QUOTED} An operator can install one."
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.OPERATOR: Words(
            "No model runner is installed on this machine.",
            f"{_QUOTED} Install Ollama, then restart Cloister.",
        ),
        Audience.COMMAND_LINE: Words(
            "No model runner is installed on this machine.",
            "Install Ollama: packaged, its program belongs at /usr/local/bin/ollama, then "
            "`systemctl restart cloister`; in a clone, start Cloister again afterwards.",
        ),
    }


class RunnerStoppedError(ModelRunnerUnavailableError):
    """An operator stopped the model runner."""

    sentence = "An operator has stopped the model runner."
    hint = f"It stays down until an operator starts it. {_QUOTED_UNTIL}"
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.OPERATOR: Words(
            "The model runner was stopped by an operator.",
            f"Start it on its page. {_QUOTED_UNTIL}",
        ),
        Audience.COMMAND_LINE: Words(
            "The model runner was stopped by an operator.",
            "`cloister start ollama` starts it again.",
        ),
    }


class RunnerStartingError(ModelRunnerUnavailableError):
    """The supervisor starts the model runner."""

    sentence = "The model runner is starting."
    hint = f"Try again in a minute. {_QUOTED_UNTIL}"


class RunnerHungError(ModelRunnerUnavailableError):
    """The model runner accepts connections and does not answer."""

    sentence = "The model runner does not answer in time."
    hint = f"Try again in a minute; if it goes on, tell an operator. {_QUOTED_UNTIL}"
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.OPERATOR: Words(
            "The model runner runs, but does not answer.",
            f"If it stays silent, restart it; its log may say why it hangs. {_QUOTED_UNTIL}",
        ),
        Audience.COMMAND_LINE: Words(
            "The model runner at {address} runs, but does not answer.",
            "`cloister restart ollama` restarts the one that Cloister runs; "
            "`cloister logs ollama` may say why it hangs.",
        ),
    }


class RunnerFailingError(ModelRunnerUnavailableError):
    """The model runner ends, or does not start, or nothing is known about it."""

    sentence = "The model runner does not work at the moment."
    hint = f"If it goes on, tell an operator. {_QUOTED_UNTIL}"
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.OPERATOR: Words(
            "The model runner does not run as it should.",
            f"Its log says why it ended. {_QUOTED_UNTIL}",
        ),
        Audience.COMMAND_LINE: Words(
            "The model runner at {address} does not answer.",
            "`cloister status` shows whether it runs, `cloister logs ollama` why not.",
        ),
    }


class RunnerUnreachableError(ModelRunnerUnavailableError):
    """Nothing answers at the address that OLLAMA_HOST names."""

    sentence = "The model runner cannot be reached."
    hint = f"If it goes on, tell an operator. {_QUOTED_UNTIL}"
    variants: ClassVar[Mapping[Audience, Words]] = {
        audience: Words(
            "No model runner answers at {address}, the address that OLLAMA_HOST names.",
            "See whether Ollama runs there and listens on that address. " + _QUOTED_UNTIL,
        )
        for audience in (Audience.OPERATOR, Audience.COMMAND_LINE)
    }


def unavailable(silence: Silence, *, address: str, reason: str) -> ModelRunnerUnavailableError:
    """Return the error that says why the runner at `address` does not answer."""
    kinds: dict[Silence, type[ModelRunnerUnavailableError]] = {
        Silence.NOT_INSTALLED: RunnerMissingError,
        Silence.STOPPED: RunnerStoppedError,
        Silence.STARTING: RunnerStartingError,
        Silence.HUNG: RunnerHungError,
        Silence.FAILING: RunnerFailingError,
        Silence.UNREACHABLE: RunnerUnreachableError,
    }
    return kinds[silence](address=address, reason=reason)
