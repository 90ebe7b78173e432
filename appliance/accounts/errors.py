"""What can be wrong with a name, a password, a code or a key."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from appliance.core.errors import ApplianceError, Audience, LaterError, NotFoundError, Words


class SignInFailedError(ApplianceError):
    """The name or the password is wrong; the answer does not say which."""

    code = "sign_in_failed"
    status = HTTPStatus.UNAUTHORIZED
    sentence = "The name or the password is wrong."
    hint = "Check both. If you forgot the password, an operator can send you a new link."


class CurrentPasswordWrongError(SignInFailedError):
    """The password that a signed-in person must repeat to choose another is wrong."""

    code = "current_password_wrong"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "The current password is wrong."
    hint = "Type the password with which you signed in, then the new one."


class AccountLockedError(ApplianceError):
    """The password is right, but an operator has locked the account."""

    code = "account_locked"
    status = HTTPStatus.FORBIDDEN
    sentence = "Your account is locked."
    hint = "Ask an operator to unlock it."


class TooManyAttemptsError(LaterError):
    """Too many attempts failed, or too many people sign in at once. Facts: `seconds`."""

    code = "too_many_attempts"
    status = HTTPStatus.TOO_MANY_REQUESTS
    sentence = "There were too many attempts in a short time."
    hint = "Wait {seconds} seconds, then try again."


class InvitationUsedError(ApplianceError):
    """A claim code or a password link that is unknown, used, replaced or too old."""

    code = "code_not_valid"
    status = HTTPStatus.FORBIDDEN
    sentence = "This code does not work: it was used, replaced, or it is too old."
    hint = "{remedy}"


class PersonUnknownError(NotFoundError):
    """No account has this name or id."""

    sentence = "There is no such person."
    hint = "An operator may have removed the account."
    variants: ClassVar[Mapping[Audience, Words]] = {
        Audience.COMMAND_LINE: Words(
            "There is no such person.", "`cloister user list` shows every sign-in name."
        ),
    }


class NameTakenError(ApplianceError):
    """The sign-in name belongs to another person."""

    code = "name_taken"
    status = HTTPStatus.CONFLICT
    sentence = "Another person signs in as “{name}”."
    hint = "Choose another sign-in name; the displayed name may stay."


class BadNameError(ApplianceError):
    """A sign-in name with a character that is not allowed, or too long."""

    code = "bad_name"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "“{name}” cannot be a sign-in name."
    hint = (
        "Use 1 to 64 letters of any alphabet, digits and the characters . _ - @ +,"
        " beginning with a letter or a digit. An e-mail address is fine."
    )


class WeakPasswordError(ApplianceError):
    """A password that is too easy to guess."""

    code = "weak_password"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "This password is {problem}."
    hint = "Take at least {least} characters; several unrelated words are good."


class LastOperatorError(ApplianceError):
    """The machine would be left without an operator."""

    code = "last_operator"
    status = HTTPStatus.CONFLICT
    sentence = "This is the only operator who can sign in."
    hint = "Make another person an operator first."


class OwnAccountError(ApplianceError):
    """An operator would lock or remove their own account."""

    code = "own_account"
    status = HTTPStatus.CONFLICT
    sentence = "You cannot lock or remove your own account."
    hint = "Ask another operator, or use the command line on the machine."


class KeyRequiredError(ApplianceError):
    """An API call without a key that works."""

    code = "key_required"
    status = HTTPStatus.UNAUTHORIZED
    sentence = "The request carries no API key that works."
    hint = "Send “Authorization: Bearer KEY”. Make a key with “cloister api-key create”."


class ScopeMissingError(ApplianceError):
    """The key works, but lacks the scope that the address asks for."""

    code = "scope_missing"
    status = HTTPStatus.FORBIDDEN
    sentence = "This API key may not use “{scope}”."
    hint = "Make a key with that scope."


class RequestForgedError(ApplianceError):
    """A form that did not come from our own page, or from one that is too old."""

    code = "form_expired"
    status = HTTPStatus.FORBIDDEN
    sentence = "This form is no longer valid."
    hint = "Load the page again, then repeat what you did."


class NotClaimedError(ApplianceError):
    """The command line acts for a person, and there is none yet."""

    code = "not_claimed"
    status = HTTPStatus.CONFLICT
    sentence = "This machine has no operator yet."
    hint = "Open the link that `cloister claim` prints."


class SeveralOperatorsError(ApplianceError):
    """The command line does not say for whom it acts, and there is more than one operator."""

    code = "several_operators"
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    sentence = "There are several operators: {names}."
    hint = "Say for whom: --user NAME."
