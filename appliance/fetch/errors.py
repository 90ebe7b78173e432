"""Why a model could not be fetched, and what the runner's words about it mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from appliance.core.errors import ApplianceError
from appliance.llm.errors import CloudModelRefusedError


class InvalidNameError(ApplianceError):
    """No model can have this name. Facts: `model`."""

    code = "invalid_model_name"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "“{model}” is not the name of a model."
    hint = "Names look like “llama3.2:3b”; https://ollama.com/library lists them."


class ForeignRegistryError(ApplianceError):
    """The name says which server to ask. Facts: `model`, `registry`."""

    code = "foreign_registry"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "“{model}” names a server of its own; models are fetched from {registry} only."
    hint = "Give the name without a server, as in “llama3.2:3b”."


class RootNeededError(ApplianceError):
    """An account other than root asks the machine to go online."""

    code = "root_needed"
    status = HTTPStatus.FORBIDDEN
    sentence = "Only root at the machine itself may take it online to fetch a model."
    hint = "Run the same command with sudo."


class RunnerMissingError(ApplianceError):
    """There is no program that could fetch."""

    code = "model_runner_missing"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "Models are fetched by Ollama, which is not installed on this machine."
    hint = "Install it as /usr/local/bin/ollama, or as /usr/bin/ollama, then try again."


class RunnerFailedError(ApplianceError):
    """Ollama was started to fetch, and did not begin to serve. Facts: `reason`."""

    code = "model_runner_failed"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "Ollama was started to fetch the model, but it does not serve: {reason}"
    hint = "See whether “ollama --version” works on this machine."


class ModelUnknownError(ApplianceError):
    """The registry has no such model. Facts: `model`."""

    code = "model_unknown"
    status = HTTPStatus.NOT_FOUND
    sentence = "The registry has no model “{model}”."
    hint = "Look the name and the tag up on https://ollama.com/library."


class RunnerTooOldError(ApplianceError):
    """The model asks for a newer Ollama. Facts: `model`."""

    code = "model_runner_too_old"
    status = HTTPStatus.CONFLICT
    sentence = "“{model}” needs a newer Ollama than the one that is installed."
    hint = "Install a newer one, or choose another model."


class RegistryUnreachableError(ApplianceError):
    """The way to the registry is closed. Facts: `model`, `reason`."""

    code = "registry_unreachable"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The registry cannot be reached: {reason}"
    hint = "Connect the machine to the internet, or set HTTPS_PROXY, then try again."


class DiskFullError(ApplianceError):
    """The model is larger than what is free. Facts: `model`."""

    code = "disk_full"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    sentence = "There is no room on the disk for “{model}”."
    hint = "Make room, then try again: what arrived is kept."


class StalledError(ApplianceError):
    """Bytes stopped arriving, also after new attempts. Facts: `model`, `attempts`."""

    code = "fetch_stalled"
    status = HTTPStatus.GATEWAY_TIMEOUT
    sentence = "The download of “{model}” stalled {attempts} times without progress."
    hint = "Try again later: what arrived is kept."


class DamagedError(ApplianceError):
    """What arrived does not have the checksum that names it. Facts: `model`, `reason`."""

    code = "model_damaged"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "“{model}” did not arrive whole, so it is not used: {reason}."
    hint = "Try again: the damaged part was removed, and will be fetched again."


class FetchStoppedError(ApplianceError):
    """The download was stopped before its end. Facts: `model`."""

    code = "fetch_stopped"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "The download of “{model}” was stopped."
    hint = "What arrived is kept: the same command goes on from there."


class FetchFailedError(ApplianceError):
    """Anything else. Facts: `model`, `reason`."""

    code = "fetch_failed"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "“{model}” was not fetched: {reason}"
    hint = "Try again: what arrived is kept."


class ReportedError(ApplianceError):
    """An error of the fetching unit with an unknown code. Facts: `message`, `advice`."""

    code = "fetch_failed"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "{message}"
    hint = "{advice}"


_KINDS: tuple[type[ApplianceError], ...] = (
    RunnerMissingError,
    RunnerFailedError,
    ModelUnknownError,
    RunnerTooOldError,
    RegistryUnreachableError,
    DiskFullError,
    StalledError,
    DamagedError,
    FetchStoppedError,
    FetchFailedError,
    CloudModelRefusedError,
)


def error_with_code(code: str, facts: Mapping[str, str]) -> ApplianceError | None:
    """Return the error of a download that has this code and these facts, or None for no such."""
    kind = next((kind for kind in _KINDS if kind.code == code), None)
    try:
        return kind(**facts) if kind else None
    except KeyError:
        return None


_UNREACHABLE = re.compile(
    r"dial tcp|no such host|lookup |network is unreachable|connection re(?:fused|set)|"
    r"x509:|tls:|TLS handshake|proxyconnect|i/o timeout|deadline exceeded|Client\.Timeout"
)


def error_from_reason(model: str, reason: str) -> ApplianceError:
    """Return the error that the runner's words mean: it has no codes for what went wrong."""
    if "no space left" in reason:
        return DiskFullError(model=model)
    if "file does not exist" in reason:
        return ModelUnknownError(model=model)
    if "newer version of Ollama" in reason:
        return RunnerTooOldError(model=model)
    if "digest mismatch" in reason:
        return DamagedError(model=model, reason="its checksum is another one")
    if _UNREACHABLE.search(reason):
        return RegistryUnreachableError(model=model, reason=reason)
    return FetchFailedError(model=model, reason=reason)
