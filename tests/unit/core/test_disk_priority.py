"""A thread that yields the disk is in the kernel's idle class; the others stay as they are."""

from __future__ import annotations

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

from appliance.core.disk_priority import yield_disk


def _class_of_this_thread() -> str:
    asking = ["ionice", "-p", str(threading.get_native_id())]
    return subprocess.run(asking, check=True, capture_output=True, text=True).stdout


def test_only_the_thread_that_asks_yields_the_disk() -> None:
    before = _class_of_this_thread()
    with ThreadPoolExecutor(1) as executor:
        is_allowed = executor.submit(yield_disk).result()
        found = executor.submit(_class_of_this_thread).result()
    # A container may refuse it; then the thread stays as it was.
    assert ("idle" in found) is is_allowed
    assert _class_of_this_thread() == before
