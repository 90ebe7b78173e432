"""Which of several test processes runs which tests."""

from __future__ import annotations

from typing_extensions import override
from xdist.scheduler import LoadFileScheduling

MACHINES = "tests/machines/"


class ScheduleByFile(LoadFileScheduling):
    """Give each file to one process, so that what its tests share is made once.

    The machine tests go to one process all together: they share images, and addresses.
    """

    @override
    def _split_scope(self, nodeid: str) -> str:
        return MACHINES if nodeid.startswith(MACHINES) else super()._split_scope(nodeid)
