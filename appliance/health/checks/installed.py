"""Are the files and folders of the package as they were installed?"""

from __future__ import annotations

import asyncio
import grp
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.core.process import run
from appliance.health.model import Check, CheckId, CheckResult, failed, ok
from appliance.health.remedies import RunCommand

PACKAGE = "cloister"
TMPFILES = Path("/usr/lib/tmpfiles.d/cloister.conf")
INSTALLED = "ii"
CREATE = RunCommand("systemd-tmpfiles --create cloister.conf")
# The types of lines that make a folder or a file with an owner (tmpfiles.d(5)).
MADE = set("dDvqQf")


@dataclass(frozen=True, slots=True)
class Place:
    """A path as tmpfiles.d wants it."""

    path: Path
    mode: int
    user: str
    group: str


def installed_checks(tmpfiles: Path = TMPFILES) -> list[Check]:
    """Return the checks; many of the folders are closed to all but their owner and root."""

    async def package() -> CheckResult:
        query = ("dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", PACKAGE)
        status = await run(query, timeout=10.0)
        if (state := status.stdout.decode().strip()) != INSTALLED:
            sentence = f"The package is not completely installed (dpkg calls it “{state or 'un'}”)."
            remedy = RunCommand("dpkg --configure --pending")
            hint = "Finish the installation; if that does not help, `apt install -f`."
            return failed(CheckId.PACKAGE, sentence, hint, remedy)
        verified = await run(("dpkg", "--verify", PACKAGE), timeout=25.0)
        return evaluate_package(verified.stdout.decode("utf-8", "replace"))

    async def folders() -> CheckResult:
        return await asyncio.to_thread(_evaluate_places, tmpfiles)

    return [
        Check(CheckId.PACKAGE, package, limit=30.0, as_root=True),
        Check(CheckId.FOLDERS, folders, as_root=True),
    ]


def evaluate_package(listed: str) -> CheckResult:
    """Say what `dpkg --verify` prints; settings (marked c) are there to be changed. Pure."""
    lines = [line.split(maxsplit=2) for line in listed.splitlines() if line.strip()]
    changed = [fields[-1] for fields in lines if fields[1] != "c"]
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        sentence = f"Files of the package were changed: {', '.join(changed[:3])}{more}."
        remedy = RunCommand(f"apt install --reinstall {PACKAGE}")
        return failed(CheckId.PACKAGE, sentence, "Put them back.", remedy)
    return ok(CheckId.PACKAGE, "Its files are as they were installed.")


def places(text: str) -> Iterator[Place]:
    """Yield what a file of tmpfiles.d makes; lines that depend on the machine are left out."""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 2 or fields[0].startswith("#") or "%" in fields[1]:
            continue
        if fields[0][0] in MADE:
            given = [*fields[2:5], "-", "-", "-"]
            mode, user, group = (field.lstrip(":~") for field in given[:3])
            usual = "0644" if fields[0][0] == "f" else "0755"
            yield Place(
                path=Path(fields[1]),
                mode=int(usual if mode == "-" else mode, 8),
                user="root" if user == "-" else user,
                group="root" if group == "-" else group,
            )


def _evaluate_places(tmpfiles: Path) -> CheckResult:
    try:
        wanted = list(places(tmpfiles.read_text()))
    except OSError as error:
        sentence = f"{tmpfiles} cannot be read: {error.strerror}."
        remedy = RunCommand(f"apt install --reinstall {PACKAGE}")
        return failed(CheckId.FOLDERS, sentence, "Install the package again.", remedy)
    wrong = [problem for place in wanted if (problem := problem_of(place))]
    if wrong:
        return failed(CheckId.FOLDERS, f"{'; '.join(wrong)}.", "Put this right.", CREATE)
    return ok(
        CheckId.FOLDERS, f"{len(wanted)} folders have the owners and modes that they should have."
    )


def problem_of(place: Place) -> str | None:
    """Say how a path differs from what it should be."""
    try:
        facts = place.path.lstat()
    except OSError as error:
        return f"{place.path}: {error.strerror}"
    found = f"{stat.S_IMODE(facts.st_mode):04o} {_user(facts.st_uid)}:{_group(facts.st_gid)}"
    wanted = f"{place.mode:04o} {place.user}:{place.group}"
    return None if found == wanted else f"{place.path} is {found} instead of {wanted}"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
