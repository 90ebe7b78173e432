"""One table says who may do what."""

from __future__ import annotations

from uuid import uuid4

import pytest

from appliance.accounts.errors import BadNameError
from appliance.accounts.names import checked_name
from appliance.actors.errors import RescueOnlyError
from appliance.actors.model import (
    Actor,
    ClaimCode,
    CommandLine,
    Person,
    RescueCode,
    System,
    require_own,
)
from appliance.actors.permissions import PERMISSIONS, Kind, Permission, Role
from appliance.core.errors import ForbiddenError

ALICE = Person(uuid4(), "alice", Role.MEMBER)
OLGA = Person(uuid4(), "olga", Role.OPERATOR)


def test_every_role_and_kind_has_its_row() -> None:
    assert set(PERMISSIONS) == {*Role, *Kind}


@pytest.mark.parametrize(
    ("actor", "allowed", "refused"),
    [
        (ALICE, Permission.USE_CHAT, Permission.USE_CONSOLE),
        (OLGA, Permission.MANAGE_PEOPLE, Permission.CREATE_CLAIM_CODE),
        (OLGA, Permission.READ_AUDIT, Permission.ACT_FOR_OTHERS),
        (OLGA, Permission.MANAGE_BACKUPS, Permission.CREATE_CLAIM_CODE),
        (ClaimCode(), Permission.RESTORE, Permission.MANAGE_BACKUPS),
        (System(), Permission.CREATE_CLAIM_CODE, Permission.MANAGE_PEOPLE),
    ],
)
def test_an_actor_may_what_its_row_says(
    actor: Actor, allowed: Permission, refused: Permission
) -> None:
    actor.require(allowed)
    with pytest.raises(ForbiddenError):
        actor.require(refused)


def test_the_command_line_may_do_everything() -> None:
    assert all(map(CommandLine().may, Permission))


def test_a_rescue_code_says_what_it_is_for() -> None:
    RescueCode().require(Permission.CONTROL_UNITS)
    with pytest.raises(RescueOnlyError):
        RescueCode().require(Permission.MANAGE_PEOPLE)


def test_people_act_for_themselves_and_the_command_line_for_everybody() -> None:
    require_own(ALICE, ALICE)
    require_own(CommandLine(), ALICE)
    for actor in (OLGA, System()):
        with pytest.raises(ForbiddenError):
            require_own(actor, ALICE)


@pytest.mark.parametrize("actor", [CommandLine(), RescueCode(), ClaimCode(), System()])
def test_no_person_can_have_the_name_of_another_actor(actor: Actor) -> None:
    with pytest.raises(BadNameError):
        checked_name(actor.name)
