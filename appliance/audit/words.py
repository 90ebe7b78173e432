"""What the verification of the audit found, in the words of an operator."""

from __future__ import annotations

from appliance.audit.chain import Finding, Problem
from appliance.audit.report import Anchored, Report
from appliance.web.formats import count_of


def verdict_of(report: Report) -> str:
    """Say whether the audit is whole, and what the first fault is."""
    if report.finding is None:
        return f"No entry of the audit is changed, missing or reordered: {_extent(report)}."
    others = report.faults - report.finding.count
    more = f" Further entries with a fault: {others:,}." if others > 0 else ""
    return f"{_sentence(report.finding, report)}{more}"


def advice_of(finding: Finding) -> str:
    """Say what to do about a fault."""
    match finding.problem:
        case Problem.CUT | Problem.REWRITTEN:
            return (
                "Keep the latest backups: the audit in a set from before shows what was there. If "
                "an administrator has put an older copy of the database in place, that is why."
            )
        case Problem.CHANGED | Problem.MISSING | Problem.REORDERED | Problem.ADDED | Problem.START:
            return (
                "Only the owner of the database can do this. Find out who had root's rights; the "
                "audit in an older backup shows what was there."
            )


def _sentence(finding: Finding, report: Report) -> str:
    entry, place = f"Entry {finding.entry_id} of the audit", f"place {finding.position}"
    match finding.problem:
        case Problem.CHANGED:
            return f"{entry}, at {place}, was changed after it was written{_now(report)}."
        case Problem.REORDERED:
            return f"{entry}, at {place}, is not in its place: entries were exchanged."
        case Problem.ADDED:
            return f"{entry} is not in its chain: it was added past the database's own rules."
        case Problem.MISSING if finding.entry_id is not None:
            return f"{entry}, at {place}, is missing."
        case Problem.MISSING | Problem.START | Problem.CUT | Problem.REWRITTEN:
            return _of_several(finding, report, place)


def _of_several(finding: Finding, report: Report, place: str) -> str:
    """Say what is wrong with more than one entry."""
    if finding.problem is Problem.START:
        return (
            f"The audit begins at {place}, and no entry says that the ones before were removed for "
            "their age."
        )
    if finding.problem is Problem.REWRITTEN:
        return (
            f"The audit up to {place} is not the one that was there {_when(report)}: entries were "
            "changed or removed, and the chain was computed again."
        )
    number = count_of(finding.count, "entry", "entries")
    if finding.problem is Problem.CUT:
        return f"The end of the audit is missing, from {place} on: {number} {_when(report)}."
    return f"From {place} on, entries of the audit are missing: {number}."


def _extent(report: Report) -> str:
    entries = count_of(report.entries, "entry", "entries")
    return f"{entries}, compared with {count_of(report.anchors, 'anchor')} outside of the database"


def _now(report: Report) -> str:
    if not report.entry:
        return ""
    said = report.entry
    return f"; it says now: {said['actor']}, {said['action']}, {said['object'] or '-'}"


def _when(report: Report) -> str:
    anchor = report.anchor
    return f"on {_time(anchor)} (known from {anchor.source})" if anchor else "before"


def _time(anchor: Anchored) -> str:
    return anchor.at.astimezone().strftime("%Y-%m-%d %H:%M")
