"""What an operator can do about a result: a value, which the console and the command line word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StartService:
    """Start a service that rests."""

    service: str

    @property
    def command(self) -> str:
        """What to type."""
        return f"cloister start {self.service}"


@dataclass(frozen=True, slots=True)
class RestartService:
    """Restart a service that runs."""

    service: str

    @property
    def command(self) -> str:
        """What to type."""
        return f"cloister restart {self.service}"


@dataclass(frozen=True, slots=True)
class ReadLog:
    """Read what a service wrote last."""

    service: str

    @property
    def command(self) -> str:
        """What to type."""
        return f"cloister logs {self.service}"


@dataclass(frozen=True, slots=True)
class ChooseModels:
    """Choose among the installed models, or bring some."""

    @property
    def command(self) -> str:
        """What to type."""
        return "cloister model list"


@dataclass(frozen=True, slots=True)
class InstallRunner:
    """Install a model runner, and models for it."""

    @property
    def command(self) -> str:
        """Nothing to type: where Ollama comes from is the operator's choice."""
        return ""


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """Free room on the disk that holds a folder."""

    folder: Path

    @property
    def command(self) -> str:
        """What to type to see what takes the room."""
        return f"du -xh --max-depth=2 {self.folder} | sort -h"


@dataclass(frozen=True, slots=True)
class StartJob:
    """Start a kind of job."""

    kind: str

    @property
    def command(self) -> str:
        """What to type."""
        return f"cloister job start {self.kind}"


@dataclass(frozen=True, slots=True)
class ReviewDocuments:
    """Look at the documents that failed, and have them read again."""

    @property
    def command(self) -> str:
        """Nothing to type: the console shows them."""
        return ""


@dataclass(frozen=True, slots=True)
class OpenBackups:
    """Look at the backups, their targets and what lacks."""

    @property
    def command(self) -> str:
        """What to type."""
        return "cloister backup status"


@dataclass(frozen=True, slots=True)
class ProveRecoveryKey:
    """Make a recovery key, or prove that the printed one opens the backups."""

    @property
    def command(self) -> str:
        """What to type."""
        return "cloister backup key verify"


@dataclass(frozen=True, slots=True)
class OpenAcme:
    """Look at the authority that makes certificates, and at how its runs went."""

    @property
    def command(self) -> str:
        """What to type."""
        return "cloister tls acme show"


@dataclass(frozen=True, slots=True)
class RunCommand:
    """Run a command of the operating system, for which the console has no button."""

    command: str


Remedy = (
    StartService
    | RestartService
    | ReadLog
    | ChooseModels
    | InstallRunner
    | FreeSpace
    | StartJob
    | ReviewDocuments
    | OpenBackups
    | ProveRecoveryKey
    | OpenAcme
    | RunCommand
)
