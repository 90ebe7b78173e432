"""The operation for the keys of the repository: add one, prove one, print its sheet."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from enum import StrEnum

from appliance.backup.own_models import OwnModels
from appliance.backup.publish import OwnRepository
from appliance.core.clock import Clock
from appliance.core.errors import ApplianceError, InvalidInputError
from appliance.core.settings import Settings
from appliance.operations.model import Facts
from appliance.operations.work import Reporter, Work
from appliance.repository import lock
from appliance.repository.errors import RepositoryMissingError
from appliance.repository.files import CONFIG, keys_of
from appliance.repository.key_files import KeyFile, KeyRole, refusal
from appliance.repository.place import machine_key, own_address
from appliance.repository.recovery_key import RecoveryKey
from appliance.repository.restic import Repository
from appliance.repository.secret_file import secret_file

_PATIENCE = 600.0


class KeyWork(StrEnum):
    """What a request asks for; all but SHEET name the `recovery_key` as it was typed.

    ADD lets it open the repository, instead of those before it. VERIFY proves that it does. MACHINE
    lets this machine's own key open the repository again. SHEET returns what a printed sheet needs.
    """

    ADD = "add"
    VERIFY = "verify"
    MACHINE = "machine"
    SHEET = "sheet"


def work_of(settings: Settings, clock: Clock) -> Work:
    """Return the work."""

    async def work(request: Facts, report: Reporter) -> Facts:
        try:
            asked = KeyWork(str(request.get("work")))
        except ValueError as error:
            raise InvalidInputError(
                problem="There is no such work on keys.", remedy=f"Ask for {', '.join(KeyWork)}."
            ) from error
        async with lock.shared(settings.repository_lock, clock, patience=_PATIENCE):
            return await _KeyService(settings, clock, report).do(asked, request)

    return work


@dataclass(frozen=True, slots=True)
class _KeyService:
    settings: Settings
    clock: Clock
    report: Reporter

    async def do(self, asked: KeyWork, request: Facts) -> Facts:
        typed = str(request.get("recovery_key") or "")
        match asked:
            case KeyWork.ADD:
                return await self._add(RecoveryKey.parse(typed))
            case KeyWork.VERIFY:
                return await self._verify(RecoveryKey.parse(typed))
            case KeyWork.MACHINE:
                return await self._let_machine_in(RecoveryKey.parse(typed))
            case KeyWork.SHEET:
                return await self._sheet()

    async def _add(self, key: RecoveryKey) -> Facts:
        """Add a recovery key. Its file names those before it, so that each is known as retired."""
        own = OwnRepository(self.settings, self.clock)
        await own.ensure()
        before = [one for one in await keys_of(own.files) if one.is_recovery]
        if all(one.fingerprint != key.fingerprint for one in before):
            retired = {name for one in before for name in (one.fingerprint, *one.retired)}
            added = KeyFile(
                "", KeyRole.RECOVERY, key.fingerprint, self.clock.now(), tuple(sorted(retired))
            )
            with secret_file(key.password) as path:
                await own.opened.add_key(path, user=added.user, host=added.host)
            await own.publish()
            await self._share_with_models()
        return {**await self._sheet(), "replaced": [one.id for one in before]}

    async def _verify(self, key: RecoveryKey) -> Facts:
        """Prove that a key opens the repository, and the models that were saved."""
        repository = await self._opened_by(key)
        opened = await repository.open()
        await self._share_with_models()
        models = OwnModels(self.settings, self.clock)
        if has_models := await models.is_there():
            await replace(models.opened, password=key.password).open()
        return {
            "repository": opened,
            "models": has_models,
            "fingerprint": key.fingerprint,
            "proven_at": self.clock.now().isoformat(),
        }

    async def _let_machine_in(self, key: RecoveryKey) -> Facts:
        """Add this machine's own key, after the one before it was lost."""
        repository = await self._opened_by(key)
        await repository.open()
        with secret_file(machine_key(self.settings)) as path:
            await repository.add_key(path, user=KeyRole.MACHINE, host=KeyRole.MACHINE)
        own = OwnRepository(self.settings, self.clock)
        found = await own.publish()
        await self._share_with_models()
        return {"repository": found.repository}

    async def _share_with_models(self) -> None:
        """Let each key open the models that were saved as well."""
        models = OwnModels(self.settings, self.clock)
        if await models.is_there():
            await models.share_keys()

    async def _opened_by(self, key: RecoveryKey) -> Repository:
        """Return the repository as a recovery key opens it; the key files know which could."""
        own = OwnRepository(self.settings, self.clock)
        if await own.files.read(CONFIG) is None:
            raise RepositoryMissingError(place=own_address(self.settings))
        keys = await keys_of(own.files)
        if all(one.fingerprint != key.fingerprint for one in keys):
            raise refusal(key.fingerprint, keys)
        return replace(own.opened, password=key.password, cache=None)

    async def _sheet(self) -> Facts:
        """Return what is printed beside the key: with it, a lost key file or config is no loss."""
        own = OwnRepository(self.settings, self.clock)
        await own.ensure()
        recovery = [one for one in await keys_of(own.files) if one.is_recovery]
        config = await own.files.read(CONFIG)
        if not recovery or config is None:
            raise RecoveryKeyMissingError
        newest = recovery[-1]
        content = await own.files.read(f"keys/{newest.id}") or b""
        return {
            "repository": await own.opened.open(),
            "fingerprint": newest.fingerprint,
            "retired": list(newest.retired),
            "created_at": newest.created_at.isoformat(),
            "key": newest.id,
            "key_file": base64.b64encode(content).decode(),
            "config": base64.b64encode(config).decode(),
        }


class RecoveryKeyMissingError(ApplianceError):
    """No recovery key opens the repository yet."""

    code = "recovery_key_missing"
    sentence = "There is no recovery key yet: only this machine could open its backups."
    hint = "Make one in the console under Backups, or with `cloister backup key make`."
