"""Does every service run that should, beside database and model runner, which have own checks?"""

from __future__ import annotations

from appliance.core.process import run
from appliance.health.model import (
    CheckId,
    CheckResult,
    CheckState,
    busy,
    failed,
    ok,
    unknown,
    warning,
)
from appliance.health.remedies import ReadLog, RunCommand, StartService
from appliance.health.seen import Seen, Service
from appliance.health.service_words import (
    DATABASE,
    MODEL_RUNNER,
    WEB_SERVER,
    beginning,
    is_chat_server,
    subject_of,
    title_of,
)

_OWN_CHECKS = {DATABASE, MODEL_RUNNER}
_NEEDED_BY_ALL = {DATABASE, "migrate", WEB_SERVER}
_LISTED = ("systemctl", "list-units", "--all", "--plain", "--no-legend", "cloister-*.service")


def evaluate_services(seen: Seen) -> list[CheckResult]:
    """Return a result for each service that does not serve, or one for all. Pure."""
    found = [
        evaluate_service(service, essential=is_essential(service, seen))
        for service in seen.services
        if service.name not in _OWN_CHECKS
    ]
    problems = [result for result in found if result.state is not CheckState.OK]
    if held_up := [title_of(each.name) for each in seen.services if seen.is_held_up(each)]:
        sentence = f"Services that run, but cannot serve without the database: {_list(held_up)}."
        problems.append(busy(CheckId.SERVICES, sentence))
    if problems:
        return problems
    running = [title_of(each.name) for each in seen.services if each.phase.is_healthy]
    return [ok(CheckId.SERVICES, f"{len(running)} services run: {_list(running)}.")]


def _list(titles: list[str]) -> str:
    return ", ".join(titles)


def evaluate_service(service: Service, *, essential: bool, check: str = "") -> CheckResult:
    """Evaluate one service; Cloister serves only while each `essential` one runs. Pure."""
    check = check or f"service {service.name}"
    subject, phase = beginning(subject_of(service.name)), service.phase
    if phase.is_healthy:
        return ok(check, f"{subject} {phase.predicate}.")
    if phase.is_transient:
        return busy(check, f"{subject} is not ready yet: {service.reason}.")
    if phase.is_intended:
        report = failed if essential else warning
        hint = "It stays down until an operator starts it."
        return report(check, stopped(service), hint, StartService(service.name))
    hint = (
        "Its log says why. When that is mended, start it; Cloister itself tries it now and then."
        if phase.can_be_started
        else "Cloister restarts it; its log says why it fails."
    )
    sentence = f"{subject} {phase.predicate}: {service.reason}."
    return failed(check, sentence, hint, ReadLog(service.name))


def stopped(service: Service) -> str:
    """Say who stopped the service and when, as far as it is known. Pure."""
    subject, since = beginning(subject_of(service.name)), f"{service.since:%Y-%m-%d %H:%M} UTC"
    if service.stopped_by:
        return f"{subject} was stopped by {service.stopped_by} at {since}."
    return f"{subject} is stopped since {since}: {service.reason}."


def is_essential(service: Service, seen: Seen) -> bool:
    """Whether Cloister cannot serve while this service is down. Pure."""
    if not is_chat_server(service.name):
        return service.name in _NEEDED_BY_ALL
    servers = [each for each in seen.services if is_chat_server(each.name)]
    return not any(each.phase.is_healthy for each in servers)


async def ask_systemd() -> CheckResult:
    """Ask systemd, which knows how the services are while no supervisor says more."""
    finished = await run(_LISTED, timeout=5.0)
    return evaluate_systemd(finished.stdout.decode())


def evaluate_systemd(listed: str) -> CheckResult:
    """Say what systemd's list of units means. Pure."""
    rows = [line.split() for line in listed.splitlines() if len(line.split()) >= 4]
    # UNIT LOAD ACTIVE SUB, then the description.
    states = {row[0].removesuffix(".service"): row[2] for row in rows}
    if not states:
        return unknown(CheckId.SERVICES, "Neither the supervisor nor systemd knows any service.")
    facts = ", ".join(f"{name} {state}" for name, state in states.items())
    sentence = f"Nothing restarts the services while the supervisor does not run: {facts}."
    remedy = RunCommand("systemctl status cloister")
    return warning(CheckId.SERVICES, sentence, "systemd says why it does not run.", remedy)
