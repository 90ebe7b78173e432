"""What a check of the set-up can find wrong."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class FrontUnreachableError(ApplianceError):
    """Nothing answers at the address that people open. Facts: `address`, `reason`."""

    code = "front_unreachable"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "{address} does not answer as it should: {reason}."
    hint = "The log of the web server, on the overview, says more; so does “cloister doctor”."


class CheckRefusedError(ApplianceError):
    """A request of the check was refused. Facts: `path`, `status`, `message`."""

    code = "check_refused"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The request to {path} was answered with {status}: {message}"
    hint = "Correct what it names, then run the check again."


class SampleNotReadError(ApplianceError):
    """The document reader did not read the test document. Facts: `message`."""

    code = "sample_not_read"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The test document was not read: {message}"
    hint = "The page Documents says how the document reader does."


class SampleNotCitedError(ApplianceError):
    """There was an answer, and it does not cite the test document."""

    code = "sample_not_cited"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "An answer came, but it does not cite the test document."
    hint = "Run the check again. If it goes on, choose another model for answers."
