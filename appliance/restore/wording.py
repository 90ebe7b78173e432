"""What a restore says to people at the machine: words are made here, and only here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from appliance.core.settings import ENVIRONMENT_FILE
from appliance.operations.model import Facts
from appliance.restore.model import Task, What
from appliance.units.exchange import RestoreState
from appliance.web.formats import count_of, size

_SHORT_ID = 8


def snapshot_rows(found: Facts) -> list[dict[str, object]]:
    """Return the snapshots as rows of a table."""
    listed: Any = found["snapshots"]
    return [
        {
            "id": one["id"][:_SHORT_ID],
            "kind": one["kind"],
            "taken": _time(one["taken_at"]),
            "verified": one["verified"],
            "version": one["version"],
            "people": one["people"],
            "documents": one["documents"],
            "conversations": one["conversations"],
            "room needed": size(one["room"]),
        }
        for one in listed
    ]


def model_preview_lines(found: Facts) -> list[str]:
    """Return what a restore of models would add, a sentence a line."""
    models: Any = found["models"]
    return [
        f"Adds what is missing of the models saved {_time(found['saved_at'])}:",
        *(f"  {name}" for name in models),
        f"Needs up to {size(_number(found['room']))}; {size(_number(found['free']))} are free.",
    ]


def preview_lines(found: Facts) -> list[str]:
    """Return what a restore of everything would change, a sentence a line."""
    then: Any = found["then"]
    verified = "verified by a drill" if then["verified"] else "not verified by a drill yet"
    made = f"{_time(then['taken_at'])}, made by Cloister {then['version']}, {verified}"
    lines = [f"Restores the state of {made}: {_contents(then)}."]
    if derived := found["derived_from"]:
        taken: Any = derived
        lines.append(f"Its search passages are those of the set of {_time(taken['taken_at'])}.")
    if found["gone"] is None:
        lines.append("The present database does not answer: what it holds is not known.")
    else:
        gone: Any = found["gone"]
        lines.append(gone_sentence(gone))
    lines.append("All people are signed out; invitations end.")
    if not found["keys_stay_ended"]:
        lines.append("API keys that were ended since then are valid again: look through them.")
    lines.append(f"Needs {size(_number(found['room']))}; {size(_number(found['free']))} are free.")
    lines.append("The present state is kept until you confirm the restore.")
    return lines


def gone_sentence(gone: Facts) -> str:
    """Say what came after the state that is restored, and would be lost."""
    nouns = (("people", "person"), ("documents", "document"), ("conversations", "conversation"))
    counts = [
        count_of(_number(gone.get(many)), one, many)
        for many, one in (*nouns, ("messages", "message"))
        if gone.get(many)
    ]
    if not counts:
        return "Nothing is lost: no person, document, conversation or message came later."
    return f"What came later would be gone: {', '.join(counts)}."


def done_sentence(found: Facts, what: What, files: list[str], *, is_running: bool) -> str:
    """Say what was restored, and what comes next."""
    lines = [*placed_lines(files), restored_sentence(found, what)]
    if what is What.EVERYTHING:
        if not is_running:
            lines.append("Start Cloister: the database takes its place at the start.")
        lines.append("Then `cloister restore confirm` keeps it, `cloister restore undo` returns.")
    return "\n".join(lines)


def restored_sentence(found: Facts, what: What) -> str:
    """Say what was restored."""
    match what:
        case What.EVERYTHING:
            return f"The state of {_time(found['taken_at'])} is restored."
        case What.DOCUMENTS | What.DOCUMENT:
            added = _number(found["documents"])
            if not added:
                return "Nothing was missing, so nothing was added."
            verb = "was missing, and is" if added == 1 else "were missing, and are"
            return f"{count_of(added, 'document')} {verb} read again."
        case What.CONVERSATIONS:
            return _conversations_sentence(_number(found["conversations"]))
        case What.CONFIGURATION:
            return "The settings are as they were."
        case What.MODELS:
            models: Any = found["models"]
            files = count_of(_number(found["files"]), "file")
            return f"Brought back: {files}. These models can be used: {', '.join(models)}."


def _conversations_sentence(back: int) -> str:
    if not back:
        return "Nothing was missing, so nothing was added."
    return f"{count_of(back, 'conversation')} {'is' if back == 1 else 'are'} back."


def placed_lines(files: list[str]) -> list[str]:
    """Say which files were put in place; a restart makes every service use its settings."""
    lines = [f"Put in place: {path}" for path in files]
    if any(path.endswith(f"/{ENVIRONMENT_FILE.name}") for path in files):
        lines.append("`systemctl restart cloister.target` lets all services use these settings.")
    return lines


def files_lines(names: list[str]) -> list[str]:
    """Say which files of a set wait."""
    if not names:
        return []
    listed = ", ".join(names)
    return [f"Files of the set wait: {listed}. `cloister restore files` puts them in place."]


def end_sentence(work: Task, found: Facts) -> str:
    """Say how far the latest restore is after it was confirmed or undone, or was asked about."""
    match RestoreState(str(found["state"])):
        case RestoreState.NONE if work is Task.CONFIRM:
            return "What was restored is kept, and the former state is deleted."
        case RestoreState.NONE if work is Task.UNDO:
            return "The former state is in use again, and what was restored is deleted."
        case RestoreState.NONE:
            return "No restore waits for anything."
        case RestoreState.READY if work is Task.UNDO:
            return "The restore is undone; the next start of the database uses the former state."
        case RestoreState.READY:
            return "Another state is ready; the next start of the database puts it in its place."
        case RestoreState.UNCONFIRMED:
            return (
                "A restored state is in use, and the former one is kept. "
                "`cloister restore confirm` deletes that, `cloister restore undo` returns to it."
            )


def _contents(found: Mapping[str, Any]) -> str:
    people = count_of(found["people"], "person", "people")
    documents = count_of(found["documents"], "document")
    return f"{people}, {documents}, {count_of(found['conversations'], 'conversation')}"


def _time(text: object) -> str:
    return datetime.fromisoformat(str(text)).astimezone().strftime("%Y-%m-%d %H:%M")


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
