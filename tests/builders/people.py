"""People for tests: the operator Olga and the members Alice and Bob."""

from __future__ import annotations

from appliance.accounts.model import Account
from appliance.accounts.secrets import Passwords
from appliance.accounts.store import AccountStore
from appliance.actors.permissions import Role
from appliance.db.pool import Database

PASSWORD = "correct horse battery"
# Cheap on purpose: tests do not defend anything.
FAST_PASSWORDS = Passwords(time_cost=1, memory_cost=8)


async def add_person(
    database: Database, name: str, role: Role = Role.MEMBER, password: str = PASSWORD
) -> Account:
    """Add somebody who can sign in. `database` must be the owner's."""
    async with database.connection() as connection:
        stored = FAST_PASSWORDS.new(password)
        return await AccountStore(connection).add_account(name, name.title(), role, stored)


async def let_attempts_age(database: Database, seconds: float) -> None:
    """Make every attempt to sign in older: the database counts them by its own clock."""
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE core.login_attempt SET started_at = started_at - make_interval(secs => %s)",
            (seconds,),
        )
