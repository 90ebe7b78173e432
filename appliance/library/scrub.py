"""The job that looks for damage: compares rows with files and index, and verifies old files."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from appliance.core.clock import Clock
from appliance.core.disk_priority import yield_disk
from appliance.core.variables import MEBIBYTE
from appliance.jobs.record import JobRecord
from appliance.library.errors import FileDamagedError, FileMissingError
from appliance.library.integrity import VERIFIED_WITHIN, Integrity
from appliance.library.model import StoredRow

# A file is due a while before it has to be verified, so that a few nights may be missed.
DUE_AFTER = VERIFIED_WITHIN * 3 / 4
# How many bytes a second it reads at most: a small part of what the slowest disk gives.
BYTES_PER_SECOND = 32 * MEBIBYTE
_REPORT_SECONDS = 5.0


@dataclass(slots=True)
class _Findings:
    verified: int = 0
    damaged: int = 0
    missing: int = 0
    incomplete: int = 0

    @property
    def sentence(self) -> str:
        """Say what was found."""
        faults = (
            (self.damaged, "damaged files"),
            (self.missing, "missing files"),
            (self.incomplete, "documents without all of their text"),
        )
        found = ", ".join(f"{words}: {count:,}" for count, words in faults if count)
        return f"Files verified: {self.verified:,}. {found or 'No fault was found'}."


@dataclass(slots=True)
class Scrubber:
    """Does the work of the kind `scrub`.

    Each file that was verified goes to the end of the queue at once. So a job that is ended, by a
    cancellation or with its process, goes on where it was.
    """

    integrity: Integrity
    clock: Clock
    due_after: timedelta = field(default=DUE_AFTER)

    async def run(self, record: JobRecord) -> str:
        """Look at everything, verify the files that are due, and return what was found."""
        findings = _Findings()
        await record.progress("Comparing documents with their files.", log=True)
        with _patient_thread() as executor:
            await self._compare_files(findings, executor)
            await record.progress("Comparing documents with their pages and passages.", log=True)
            await self._compare_index(findings)
            await self._verify_due(findings, executor, record)
        return findings.sentence

    async def _compare_files(self, findings: _Findings, executor: Executor) -> None:
        async for compared in self.integrity.compare_files():
            row, fault = compared.row, compared.fault
            if fault is not None:
                await self.integrity.record(row.digest, compared.facts, fault)
                findings.missing += isinstance(fault, FileMissingError)
                findings.damaged += isinstance(fault, FileDamagedError)
            elif row.is_faulty:
                # A backup may have brought it back.
                await self._verify(row, findings, executor)

    async def _compare_index(self, findings: _Findings) -> None:
        async for documents in self.integrity.compare_index():
            findings.incomplete += await self.integrity.fail_incomplete(documents)

    async def _verify_due(self, findings: _Findings, executor: Executor, record: JobRecord) -> None:
        total, done, reported = await self.integrity.count_due(self.due_after), 0, float("-inf")
        while row := await self.integrity.due(self.due_after):
            if self.clock.monotonic() - reported > _REPORT_SECONDS:
                reported = self.clock.monotonic()
                words = f"Files verified: {done:,} of {max(done, total):,}."
                await record.progress(words, done, max(done, total))
            await self._verify(row, findings, executor)
            done += 1

    async def _verify(self, row: StoredRow, findings: _Findings, executor: Executor) -> None:
        try:
            async with self.integrity.reading(row.digest, row.size, executor=executor) as file:
                facts = file.facts
                # The disk is asked, not what the kernel remembers of an earlier reader.
                await file.forget_cached()
                async for piece in file.pieces():
                    await self.clock.sleep(len(piece) / BYTES_PER_SECOND)
                await file.forget_cached()
        except FileMissingError:
            findings.missing += 1
        except FileDamagedError:
            findings.damaged += 1
        else:
            await self.integrity.record(row.digest, facts, None)
            findings.verified += 1


@contextmanager
def _patient_thread() -> Iterator[Executor]:
    """Lend a thread whose reads wait for those of everyone else."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="scrub", initializer=yield_disk)
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
