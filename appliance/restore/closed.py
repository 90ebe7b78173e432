"""Why a repository does not open, as far as its small files say it without any key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.core.errors import ApplianceError
from appliance.repository.damage import DamagedFile, FileKind
from appliance.repository.errors import (
    KeyRefusedError,
    KeyRetiredError,
    RepositoryDamagedError,
    RepositoryMissingError,
)
from appliance.repository.files import CONFIG, RepositoryFiles, keys_of, renamed_or_changed
from appliance.repository.key_files import KeyFile, refusal
from appliance.repository.recovery_key import RecoveryKey
from appliance.restore.errors import SheetUnfitError, SmallFileDamagedError, SmallFileLostError
from appliance.restore.sheet import SHORTEST_CONFIG, Sheet

_CONFIG = DamagedFile(FileKind.CONFIG, "")
_OPTIONS = {FileKind.CONFIG: "--repository-config", FileKind.KEY: "--repository-key"}
_RECOVERY_KEY_FILE = "the key file of a recovery key"


@dataclass(frozen=True, slots=True)
class Closed:
    """A repository at a `place`, which is in words, without the files of the `sheet`."""

    files: RepositoryFiles
    place: str
    recovery: RecoveryKey | None
    sheet: Sheet

    async def expect_config(self) -> None:
        """Return if there is a repository whose config can be whole, or the sheet has it.

        Raises RepositoryMissingError, SmallFileLostError and SmallFileDamagedError.
        """
        content = await self.files.read(CONFIG)
        if content is None and not await self.files.names(FileKind.SNAPSHOT):
            raise RepositoryMissingError(place=self.place)
        if self.sheet.config is not None:
            return
        if content is None:
            raise self._lost(FileKind.CONFIG, str(_CONFIG))
        if len(content) < SHORTEST_CONFIG:
            raise self._damaged(_CONFIG)

    async def reason(self, error: KeyRefusedError | RepositoryDamagedError) -> ApplianceError:
        """Return what to say instead of the error with which it did not open."""
        if self.sheet.key is not None:
            return self._unfit()
        if isinstance(error, RepositoryDamagedError):
            # The key opened its file, and not the config.
            return self._unfit() if self.sheet.config else self._damaged(_CONFIG)
        changed = await renamed_or_changed(self.files, [FileKind.KEY])
        if self.recovery is None:
            return self._damaged(min(changed)) if changed else error
        return self._refused(self.recovery.fingerprint, await keys_of(self.files), changed)

    def _refused(
        self, fingerprint: str, keys: Sequence[KeyFile], changed: Sequence[DamagedFile]
    ) -> ApplianceError:
        """Return why a recovery key opens nothing; a key file that changed may be its own."""
        found = refusal(fingerprint, keys)
        own = {key.id for key in keys if key.fingerprint == fingerprint}
        if suspects := [file for file in changed if not own or file.id in own]:
            return found if isinstance(found, KeyRetiredError) else self._damaged(min(suspects))
        if not any(key.is_recovery for key in keys):
            return self._lost(FileKind.KEY, _RECOVERY_KEY_FILE)
        return found

    def _lost(self, kind: FileKind, file: str) -> ApplianceError:
        return SmallFileLostError(place=self.place, file=file, option=_OPTIONS[kind])

    def _damaged(self, file: DamagedFile) -> ApplianceError:
        words = str(file) if file.kind is FileKind.CONFIG else f"the {file}"
        return SmallFileDamagedError(place=self.place, file=words, option=_OPTIONS[file.kind])

    def _unfit(self) -> ApplianceError:
        typed = {"the key file": self.sheet.key_file, "the config": self.sheet.config}
        given = [name for name, content in typed.items() if content is not None]
        return SheetUnfitError(place=self.place, files=" and ".join(given))
