"""The recovery key: make it, prove it, replace it. It is shown once, and kept nowhere."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from datetime import datetime

from appliance.actors.model import Actor
from appliance.actors.permissions import Permission
from appliance.audit.model import Action, AuditEvent, ObjectType
from appliance.audit.service import AuditLog
from appliance.backup_plan.asking import ask
from appliance.backup_plan.facts import read_facts
from appliance.backup_plan.records import KeyProof, write_proof
from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.operations.catalog import KEY
from appliance.operations.model import Facts
from appliance.operations.runner import OperationRunner
from appliance.repository.recovery_key import RecoveryKey


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is printed: with it and a copy of the repository, an empty machine has all again.

    `key_file` and `config` are files of the repository in base64: without them no key opens it.
    `replaces` says that sheets before this one end when this key is proved.
    """

    key: str = field(repr=False)
    fingerprint: str
    repository: str
    key_file: str
    config: str
    machine: str
    made_at: datetime
    replaces: bool = False

    def as_json(self) -> dict[str, object]:
        """Return the shape that `cloister backup key make --json` prints."""
        return {
            "key": self.key,
            "fingerprint": self.fingerprint,
            "repository": self.repository,
            "key_file": self.key_file,
            "config": self.config,
            "machine": self.machine,
            "made_at": self.made_at.isoformat(),
            "replaces": self.replaces,
        }


@dataclass(frozen=True, slots=True)
class RecoveryKeys:
    """Makes and proves the recovery key, for actors with Permission.MANAGE_BACKUPS.

    Each method raises ForbiddenError, and what the operation `key` says.
    """

    settings: Settings
    clock: Clock
    operations: OperationRunner
    audit: AuditLog

    async def make(self, actor: Actor) -> Sheet:
        """Make a key that opens the repository, also all sets that are in it.

        A key before it opens it as well until the new one is proved; then it is removed.
        """
        actor.require(Permission.MANAGE_BACKUPS)
        key = RecoveryKey.new()
        catalog = (await read_facts(self.settings)).catalog
        replaces = catalog is not None and catalog.recovery_key is not None
        action = Action.RECOVERY_KEY_REPLACE if replaces else Action.RECOVERY_KEY_MAKE
        await self._note(actor, action, key.fingerprint)
        found = await ask(self.operations, KEY, {"work": "add", "recovery_key": key.text})
        return Sheet(
            key=key.text,
            fingerprint=key.fingerprint,
            repository=str(found["repository"]),
            key_file=str(found["key_file"]),
            config=str(found["config"]),
            machine=self.settings.host,
            made_at=self.clock.now(),
            replaces=replaces,
        )

    async def prove(self, actor: Actor, typed: str) -> KeyProof:
        """Prove that the key as a person typed it opens the repository.

        Raises KeyMistypedError before anything is asked; then what the operation says.
        """
        actor.require(Permission.MANAGE_BACKUPS)
        key = RecoveryKey.parse(typed)
        found = await ask(self.operations, KEY, {"work": "verify", "recovery_key": key.text})
        proof = KeyProof(key.fingerprint, _time(found) or self.clock.now())
        await asyncio.to_thread(write_proof, self.settings.state, proof)
        await self._note(actor, Action.RECOVERY_KEY_PROVE, key.fingerprint)
        return proof

    async def let_machine_in(self, actor: Actor, typed: str) -> str:
        """Let the machine's own key open the repository, after another one took its place.

        Returns the id of the repository. Raises KeyMistypedError before anything is asked; then
        what the operation says.
        """
        actor.require(Permission.MANAGE_BACKUPS)
        key = RecoveryKey.parse(typed)
        found = await ask(self.operations, KEY, {"work": "machine", "recovery_key": key.text})
        await self._note(actor, Action.MACHINE_KEY_ADD, key.fingerprint)
        return str(found["repository"])

    async def _note(self, actor: Actor, action: Action, fingerprint: str) -> None:
        event = AuditEvent(action, ObjectType.RECOVERY_KEY, fingerprint)
        await self.audit.note(actor, event)


def plain(encoded: str) -> str:
    """Return a file of the sheet as people can read and type it, where it is text."""
    content = base64.b64decode(encoded)
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        return encoded


def _time(found: Facts) -> datetime | None:
    text = found.get("proven_at")
    return datetime.fromisoformat(text) if isinstance(text, str) else None
