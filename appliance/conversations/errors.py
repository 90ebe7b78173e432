"""What can be wrong with a question or a conversation."""

from __future__ import annotations

from http import HTTPStatus

from appliance.core.errors import ApplianceError


class EmptyQuestionError(ApplianceError):
    """Nothing but space was sent."""

    code = "empty_question"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The question is empty."
    hint = "Write what you want to know."


class QuestionTooLongError(ApplianceError):
    """The question leaves a model no room for passages. Facts: `length`, `limit`."""

    code = "question_too_long"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The question has {length:,} characters; at most {limit:,} can be read at once."
    hint = "Ask a shorter question. A long text can be added to the library instead."


class UnreadableQuestionError(ApplianceError):
    """The question contains the zero character, which PostgreSQL cannot store."""

    code = "unreadable_question"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The question contains a character that cannot be kept."
    hint = "Type it again instead of pasting it."


class WrongTitleError(ApplianceError):
    """The title is empty or too long. Facts: `limit`."""

    code = "wrong_title"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "A title has between 1 and {limit} characters."
    hint = "Choose another title."


class AnswerUnfinishedError(ApplianceError):
    """A conversation has one answer at a time: the next one needs its text."""

    code = "answer_unfinished"
    status = HTTPStatus.CONFLICT
    sentence = "Cloister is still answering in this conversation."
    hint = "Wait for the answer, or stop it, and ask again."


class NothingToTryAgainError(ApplianceError):
    """The answer is complete."""

    code = "nothing_to_try_again"
    status = HTTPStatus.CONFLICT
    sentence = "This answer is complete."
    hint = "Ask another question instead."
