"""Why there is no answer, or why an answer is limited."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class NoChatModelError(ApplianceError):
    """No chat model is installed."""

    code = "no_chat_model"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "No chat model is installed, so the best passages are quoted."
    hint = "An operator can install a model; then try again."


class EmptyAnswerError(ApplianceError):
    """The model ended at once. Facts: `model`."""

    code = "empty_answer"
    status = HTTPStatus.BAD_GATEWAY
    sentence = "The model “{model}” wrote nothing."
    hint = "Try again. If it goes on, ask the operator to choose another model."


class UncitedAnswerError(ApplianceError):
    """The model wrote an answer and cited no passage."""

    code = "uncited_answer"
    sentence = "This answer cites no passage, so it cannot be checked."
    hint = "Look into the documents before you rely on it, or ask more precisely."


class AnswerTooLongError(ApplianceError):
    """The limit of tokens ended the answer."""

    code = "answer_too_long"
    sentence = "The answer reached its longest allowed length and ends there."
    hint = "Ask for the rest, or ask about one part of it."


class QuestionDoesNotFitError(ApplianceError):
    """The question alone fills what the model can read. Facts: `tokens`, `room`."""

    code = "question_does_not_fit"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The question is about {tokens:,} tokens long; the model has room for {room:,}."
    hint = "Ask a shorter question, or ask the operator for a larger context."


class TookTooLongError(ApplianceError):
    """The overall deadline of an answer passed. Facts: `minutes`."""

    code = "took_too_long"
    status = HTTPStatus.GATEWAY_TIMEOUT
    sentence = "The answer was not complete after {minutes} minutes."
    hint = "Try again when fewer people ask at the same time."


class InterruptedAnswerError(ApplianceError):
    """The chat server ended while it wrote the answer. Only saved answers get this error."""

    code = "interrupted"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    sentence = "Cloister was restarted while it wrote this answer."
    hint = "The text so far is kept. Try again for a complete answer."
