"""The file of what the start needs, as the supervisor writes it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from appliance.core.clock import Clock
from appliance.core.settings import Settings
from appliance.core.start_settings import read_values, texts_of, with_texts, write_values
from appliance.settings.errors import StartFileError
from appliance.settings.model import Setting, Source
from appliance.settings.word_entry import as_variable

Texts = Mapping[str, str]
"""Values of variables that count instead of the environment's."""


class StartSettings:
    """Writes the file, and asks for the restart after which its values are in use.

    `restart` is set when this process runs with other values than the file has now. The file is
    written before: a crash in between ends in the same values.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._path = settings.start_file
        self._running = self._in_use(texts_of(read_values(self._path)))
        self._writing = asyncio.Lock()
        self.restart = asyncio.Event()

    async def texts(self) -> dict[str, str]:
        """Return what the file holds."""
        return texts_of(await asyncio.to_thread(read_values, self._path))

    async def write(self, texts: Texts) -> None:
        """Replace what the file holds. Raises StartFileError, and then nothing has changed."""
        async with self._writing:
            try:
                now = self._clock.now()
                values = await asyncio.to_thread(write_values, self._path, texts, now)
            except OSError as error:
                raise StartFileError(reason=error.strerror or str(error)) from error
        if self._in_use(texts_of(values)) != self._running:
            self.restart.set()

    def settings_with(self, texts: Texts) -> Settings:
        """Return the settings that a process has which starts with these values."""
        found = with_texts(self._settings.defaults, texts)
        return replace(found, nginx=self._settings.nginx)

    def _in_use(self, texts: Texts) -> Settings:
        """Return what a restart would change: a time zone is followed without one."""
        return replace(with_texts(self._settings.defaults, texts), time_zone="")


def texts_for(settings: Sequence[Setting]) -> dict[str, str]:
    """Return the variables of what operators have set and the start needs."""
    return {
        setting.entry.variable: as_variable(setting.value)
        for setting in settings
        if setting.entry.at_start and setting.entry.variable and setting.source is Source.OPERATOR
    }
