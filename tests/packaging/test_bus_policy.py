"""The second lock: what the message bus carries for the supervisor's account."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tests.packaging.unit_files import FOLDER

SYSTEMD = "org.freedesktop.systemd1"
MANAGER = "org.freedesktop.systemd1.Manager"


def decision(destination: str, interface: str, member: str) -> str:
    """Return what the bus would decide about a call: the last rule that fits counts."""
    policy = ET.parse(FOLDER / "cloister-bus.conf").find("policy[@user='cloister']")  # noqa: S314 - our own file
    assert policy is not None
    call = {
        "send_destination": destination,
        "send_interface": interface,
        "send_member": member,
        "send_type": "method_call",
    }
    decided = "allow"
    for rule in policy:
        assert set(rule.attrib) <= set(call), rule.attrib
        if all(value in {"*", call[name]} for name, value in rule.attrib.items()):
            decided = rule.tag
    return decided


@pytest.mark.parametrize(
    "member",
    [
        "StartTransientUnit",
        "SetUnitProperties",
        "LinkUnitFiles",
        "EnableUnitFiles",
        "EnableUnitFilesWithFlags",
        "BindMountUnit",
        "MountImageUnit",
        "AttachProcessesToUnit",
        "SetEnvironment",
        "Reload",
        "Reexecute",
        "KillUnitSubgroup",
        "QueueSignalUnit",
        "MaskUnitFiles",
        "PowerOff",
        "SwitchRoot",
        "AMethodOfTomorrow",
    ],
)
def test_whatever_could_run_something_new_is_refused(member: str) -> None:
    assert decision(SYSTEMD, MANAGER, member) == "deny"


@pytest.mark.parametrize("interface", [f"{SYSTEMD}.Unit", f"{SYSTEMD}.Service"])
def test_a_units_own_methods_are_refused(interface: str) -> None:
    assert decision(SYSTEMD, interface, "Start") == "deny"
    assert decision(SYSTEMD, interface, "Kill") == "deny"
    assert decision(SYSTEMD, interface, "SetProperties") == "deny"


@pytest.mark.parametrize("name", ["resolve1", "login1", "machine1", "PolicyKit1"])
def test_no_other_service_of_the_machine_is_asked_anything(name: str) -> None:
    service = f"org.freedesktop.{name}"
    assert decision(service, f"{service}.Manager", "ResolveHostname") == "deny"


@pytest.mark.parametrize(
    ("interface", "member"),
    [
        (MANAGER, "Subscribe"),
        (MANAGER, "LoadUnit"),
        (MANAGER, "StartUnit"),
        (MANAGER, "StopUnit"),
        (MANAGER, "RestartUnit"),
        (MANAGER, "KillUnit"),
        (MANAGER, "ResetFailedUnit"),
        ("org.freedesktop.DBus.Properties", "GetAll"),
    ],
)
def test_what_the_supervisor_needs_is_carried(interface: str, member: str) -> None:
    assert decision(SYSTEMD, interface, member) == "allow"


def test_it_may_join_the_bus() -> None:
    bus = "org.freedesktop.DBus"
    assert decision(bus, bus, "Hello") == "allow"
    assert decision(bus, bus, "AddMatch") == "allow"
