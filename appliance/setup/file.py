"""The set-up file: what may be in it, and what is wrong with one. No I/O.

Secrets are not in the file: it names files with them, and the command line reads those.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from appliance.accounts.names import checked_name
from appliance.accounts.secrets import checked_password
from appliance.core.errors import ApplianceError
from appliance.llm.choice import Purpose
from appliance.settings.entry import Value
from appliance.settings.errors import UnknownSettingError
from appliance.settings.model import find_entry
from appliance.settings.word_entry import AnyEntry
from appliance.setup.model import Step

OPERATORS, MODELS, SETTINGS, TARGETS, SKIP = "operators", "models", "settings", "targets", "skip"
SECTIONS = (OPERATORS, MODELS, SETTINGS, TARGETS, SKIP)
# The names under which the command line sends what it read from the files with secrets.
SECRETS: Mapping[str, str] = {OPERATORS: "password", TARGETS: "secret"}
_OPERATOR_FIELDS = ("name", "display_name", "password")
TARGET_FIELDS = (
    "name", "kind", "place", "user", "secret", "identity", "region", "limit", "opens", "closes",
)  # fmt: skip
_LONGEST_NAME = 100


class Fault(StrEnum):
    """What can be wrong with one place of the file."""

    UNKNOWN = "unknown"
    WRONG_TYPE = "wrong_type"
    MISSING = "missing"
    REPEATED = "repeated"
    REFUSED = "refused"
    MODEL_MISSING = "model_missing"
    MODEL_UNSUITABLE = "model_unsuitable"
    RUNNER_SILENT = "runner_silent"
    TOO_MANY_TARGETS = "too_many_targets"


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One thing that is wrong, and where: such as `operators[2].name`."""

    where: str
    fault: Fault
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WantedOperator:
    """A person who shall be an operator."""

    name: str
    display_name: str
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SetupFile:
    """What the file asks for; what it does not name stays as it is."""

    operators: tuple[WantedOperator, ...] = ()
    models: Mapping[Purpose, str] = field(default_factory=dict)
    settings: Mapping[str, Value] = field(default_factory=dict)
    targets: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    skip: tuple[Step, ...] = ()


def read_file(values: Mapping[str, object]) -> tuple[SetupFile, tuple[FileProblem, ...]]:
    """Return what a parsed file asks for, and everything that is wrong with it by itself."""
    reader = _Reader()
    reader.known(values, SECTIONS)
    found = SetupFile(
        operators=reader.operators(values.get(OPERATORS, [])),
        models=reader.models(values.get(MODELS, {})),
        settings=reader.settings(values.get(SETTINGS, {})),
        targets=reader.targets(values.get(TARGETS, [])),
        skip=reader.skip(values.get(SKIP, [])),
    )
    return found, tuple(reader.problems)


@dataclass(slots=True)
class _Reader:
    """Reads section after section, and collects what is wrong."""

    problems: list[FileProblem] = field(default_factory=list)

    def wrong(self, where: str, fault: Fault, **facts: str) -> None:
        self.problems.append(FileProblem(where, fault, facts))

    def known(self, table: Mapping[str, object], names: Collection[str], where: str = "") -> None:
        for name in table:
            if name not in names:
                self.wrong(f"{where}{name}", Fault.UNKNOWN, possible=", ".join(names))

    def table(self, value: object, where: str) -> Mapping[str, object]:
        if isinstance(value, Mapping):
            return value
        self.wrong(where, Fault.WRONG_TYPE, expected="a table")
        return {}

    def tables(self, value: object, where: str) -> Sequence[Mapping[str, object]]:
        if not isinstance(value, list):
            self.wrong(where, Fault.WRONG_TYPE, expected="a list of tables")
            return ()
        return [self.table(each, f"{where}[{at}]") for at, each in enumerate(value, 1)]

    def text(self, table: Mapping[str, object], name: str, where: str) -> str:
        value = table.get(name, "")
        if isinstance(value, str):
            return value
        self.wrong(f"{where}.{name}", Fault.WRONG_TYPE, expected="a text")
        return ""

    def operators(self, value: object) -> tuple[WantedOperator, ...]:
        found: dict[str, WantedOperator] = {}
        for at, table in enumerate(self.tables(value, OPERATORS), 1):
            where = f"{OPERATORS}[{at}]"
            self.known(table, _OPERATOR_FIELDS, f"{where}.")
            wanted = self._operator(table, where)
            if wanted and wanted.name in found:
                self.wrong(f"{where}.name", Fault.REPEATED)
            elif wanted:
                found[wanted.name] = wanted
        return tuple(found.values())

    def _operator(self, table: Mapping[str, object], where: str) -> WantedOperator | None:
        typed, password = self.text(table, "name", where), self.text(table, "password", where)
        shown = self.text(table, "display_name", where).strip()[:_LONGEST_NAME]
        if not typed:
            self.wrong(f"{where}.name", Fault.MISSING)
            return None
        try:
            name = checked_name(typed)
            if "password" in table:
                checked_password(password, name)
        except ApplianceError as error:
            self.wrong(where, Fault.REFUSED, reason=error.message)
            return None
        return WantedOperator(name, shown or name, password or None)

    def models(self, value: object) -> Mapping[Purpose, str]:
        table = self.table(value, MODELS)
        self.known(table, tuple(Purpose), f"{MODELS}.")
        named = {each: self.text(table, each, MODELS).strip() for each in Purpose if each in table}
        for purpose, name in named.items():
            if not name and isinstance(table[purpose], str):
                self.wrong(f"{MODELS}.{purpose}", Fault.MISSING)
        return {purpose: name for purpose, name in named.items() if name}

    def settings(self, value: object) -> Mapping[str, Value]:
        found: dict[str, Value] = {}
        for name, given in self.table(value, SETTINGS).items():
            where = f"{SETTINGS}.{name}"
            try:
                found[name] = _setting(find_entry(name), given)
            except UnknownSettingError as error:
                self.wrong(where, Fault.REFUSED, reason=error.message)
            except ApplianceError as error:
                self.wrong(where, Fault.REFUSED, reason=error.message)
        return found

    def targets(self, value: object) -> tuple[Mapping[str, str], ...]:
        found: dict[str, Mapping[str, str]] = {}
        for at, table in enumerate(self.tables(value, TARGETS), 1):
            where = f"{TARGETS}[{at}]"
            self.known(table, TARGET_FIELDS, f"{where}.")
            # The only number among texts.
            fields = {**table, "limit": str(table["limit"])} if "limit" in table else table
            read = {name: self.text(fields, name, where) for name in TARGET_FIELDS}
            if not read["name"].strip():
                self.wrong(f"{where}.name", Fault.MISSING)
            elif read["name"].strip() in found:
                self.wrong(f"{where}.name", Fault.REPEATED)
            else:
                found[read["name"].strip()] = read
        return tuple(found.values())

    def skip(self, value: object) -> tuple[Step, ...]:
        if not isinstance(value, list):
            self.wrong(SKIP, Fault.WRONG_TYPE, expected="a list of steps")
            return ()
        for each in value:
            if each not in set(Step):
                self.wrong(f"{SKIP}: {each}", Fault.UNKNOWN, possible=", ".join(Step))
        return tuple(Step(each) for each in value if each in set(Step))


def _setting(entry: AnyEntry, given: object) -> Value:
    """Return the value of a setting, given as people write it or as TOML has it.

    Raises SettingInvalidError.
    """
    if isinstance(given, str):
        return entry.parse(given)
    if isinstance(given, bool):
        return entry.parse("yes" if given else "no")
    return entry.check(tuple(given) if isinstance(given, list) else given)
