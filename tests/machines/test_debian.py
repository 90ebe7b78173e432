"""The package before Debian's own judges: reproducible, clean, complete, gone when purged."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.machines.ground import Ground
from tests.machines.machine import Image, Machine, new_machine
from tests.machines.programs import run_program

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "packaging/machine/deb"
# What whoever installs it has to wait for and to find room for; it was 110 MB and 470 MB.
LARGEST_DOWNLOAD = 200
LARGEST_ON_DISK = 900
PIUPARTS_SECONDS = 240
MEGABYTES = {"kB": 0.001, "MB": 1.0, "GB": 1000.0}


@pytest.fixture(scope="module")
def made(package: Path) -> tuple[Path, ...]:
    """All files of one build: the package, its source, and what they say about themselves."""
    names = re.findall(r"^ [0-9a-f]{64} \d+ (\S+)$", _changes(package).read_text(), re.MULTILINE)
    return (_changes(package), *(package.parent / name for name in names))


def _changes(package: Path) -> Path:
    (found,) = package.parent.glob(package.name.replace("_all.deb", "_*.changes"))
    return found


@pytest.fixture(scope="module")
def judge(ground: Ground, build: Image, archive: Path, made: tuple[Path, ...]) -> Iterator[Machine]:
    """A machine with Debian's tools and no network, and everything of the build in /root."""
    with new_machine(ground, "judge", build, archive=archive) as machine:
        machine.boot()
        for file in made:
            machine.copy_in(file, "/root/made")
        yield machine


@pytest.fixture(scope="module")
def piuparts(
    ground: Ground, base: Image, build: Image, package: Path
) -> Iterator[Future[CompletedProcess[str] | None]]:
    """What piuparts will have printed, beside other tests; nothing when there is no mirror."""

    def work() -> CompletedProcess[str] | None:
        with new_machine(ground, "piuparts", build) as machine:
            machine.assemble()
            tree = shlex.quote(str(base.layers[0]))
            packed = shlex.quote(f"{machine.root}/root/base.tar.gz")
            run_program("sh", "-c", f"tar -C {tree} -c . | gzip -1 >{packed}", seconds=120)
            machine.boot("host")
            machine.copy_in(package, "/root")
            if machine.run("apt-get update --error-on=any", check=False, seconds=60).returncode:
                return None
            mirror = machine.run("apt-cache policy | grep -o 'http[^ ]* trixie/main' | head -n1")
            command = (
                *("piuparts", "--basetgz=/root/base.tar.gz", "--distribution=trixie"),
                f"--mirror={mirror.stdout.split()[0]} main",
                *("--no-eatmydata", "--scriptsdir=/etc/piuparts/scripts"),
                f"/root/{package.name}",
            )
            return machine.run(shlex.join(command), check=False, seconds=PIUPARTS_SECONDS)

    with ThreadPoolExecutor(1, "piuparts") as threads:
        yield threads.submit(work)


@pytest.mark.usefixtures("piuparts")
def test_another_build_gives_the_same_bytes(package: Path, tmp_path: Path) -> None:
    """From another folder, with other rights, by somebody elsewhere, and without running tests."""
    tree = tmp_path / "Jane's clone"
    listed = run_program(*_git("ls-files", "-z", "--cached", "--others", "--exclude-standard"))
    names = [name for name in listed.stdout.decode().split("\0") if name]
    there = "\0".join(name for name in names if (ROOT / name).exists())
    tree.mkdir()
    copy = 'cd "$0" && tar --null --files-from=- -c | (umask 077 && tar -C "$1" -x)'
    run_program("sh", "-c", copy, str(ROOT), str(tree), content=there.encode())
    run_program("git", "-C", str(tree), "init", "--quiet")
    run_program("git", "-C", str(tree), "add", "--all", "--force")
    commit_time = run_program(*_git("log", "-1", "--format=%ct")).stdout.decode().strip()
    elsewhere = {
        "TZ": "Pacific/Chatham",
        "LC_ALL": "tr_TR.UTF-8",
        "LANGUAGE": "tr",
        "USER": "jane",
        "HOME": str(tmp_path),
        "SOURCE_DATE_EPOCH": commit_time,
        "DEB_BUILD_OPTIONS": "nocheck",
        "CLOISTER_DIST": str(tmp_path / "dist"),
    }
    settings = [f"{name}={value}" for name, value in elsewhere.items()]
    # The tree has no commit that could tell its version.
    version = package.name.split("_")[1]
    build = (str(BUILD), str(tree), version)
    command = ("sh", "-c", 'umask 027; exec "$@"', "sh", "env", *settings, *build)
    run_program(*command, seconds=600)
    for name in (package.name, package.name.replace("_all.deb", ".tar.xz")):
        assert (tmp_path / "dist" / name).read_bytes() == (package.parent / name).read_bytes(), name


def _git(*arguments: str) -> tuple[str, ...]:
    return ("git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), *arguments)


def test_lintian_finds_nothing(judge: Machine) -> None:
    judged = judge.run(
        "cd /root/made && lintian --allow-root --pedantic --display-info *.changes",
        check=False,
        seconds=300,
    )
    found = [line for line in judged.stdout.splitlines() if re.match(r"[EWI]: ", line)]
    # One override is for the lintian of Debian 12 alone.
    unused = "I: cloister source: unused-override newer-standards-version"
    assert [line for line in found if not line.startswith(unused)] == [], judged.stdout
    assert judged.returncode == 0, judged.stdout + judged.stderr
    # A broken package would be noticed: the same command, on one without its copyright.
    broken = (
        "cd /tmp && dpkg-deb --raw-extract /root/made/*.deb broken && "
        "rm broken/usr/share/doc/cloister/copyright && dpkg-deb --build broken >/dev/null && "
        "lintian --allow-root broken.deb"
    )
    assert "E: cloister: no-copyright-file" in judge.run(broken, check=False, seconds=300).stdout


def test_it_needs_nothing_but_debian_main(judge: Machine, package: Path) -> None:
    fields = run_program(
        "dpkg-deb", "--field", str(package), "Pre-Depends", "Depends", "Recommends"
    ).stdout.decode()
    relations = [part for line in fields.splitlines() for part in line.partition(":")[2].split(",")]
    names = {re.split(r"[\s(:|]", relation.strip())[0] for relation in relations}
    assert {"postgresql-17", "nginx", "python3-aiohttp"} <= names
    for name in sorted(names):
        known = judge.run(f"apt-cache showpkg {name}").stdout
        # A name that several packages may bear is there when one of them is.
        lines = known.partition("Reverse Provides:")[2].splitlines()
        providers = [line.split()[0] for line in lines if line.strip()]
        told = judge.run(f"apt-cache policy {name} {' '.join(providers)}").stdout
        assert re.search(r"trixie(-security)?/main", told), f"{name}: {told}"


def test_an_installation_is_of_bearable_size(ground: Ground, base: Image, package: Path) -> None:
    with new_machine(ground, "size", base) as machine:
        machine.boot()
        machine.copy_in(package, "/root")
        told = machine.run(f"apt-get install --assume-no /root/{package.name}", check=False).stdout
    download = re.search(r"Need to get ([\d.,]+) (\w+)", told)
    on_disk = re.search(r"After this operation, ([\d.,]+) (\w+) of additional disk space", told)
    assert download, told
    assert on_disk, told
    print(f"{download[0]}. {on_disk[0]}.")
    assert 1 < _megabytes(download) < LARGEST_DOWNLOAD
    assert 1 < _megabytes(on_disk) < LARGEST_ON_DISK


def _megabytes(found: re.Match[str]) -> float:
    return float(found[1].replace(",", "")) * MEGABYTES[found[2]]


def test_autopkgtest_passes(judge: Machine) -> None:
    # The machine as it stands is the testbed; it is thrown away afterwards.
    done = judge.run(
        "cd /root/made && autopkgtest --ignore-restrictions=isolation-machine "
        "--summary-file=/root/summary *.deb *.dsc -- null",
        check=False,
        seconds=300,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    summary = judge.run("cat /root/summary").stdout.split("\n")
    assert [line.split() for line in summary if line] == [["smoke", "PASS"]]


def test_piuparts_passes(piuparts: Future[CompletedProcess[str] | None]) -> None:
    """Installed and purged, the package leaves every file of a small system as it was."""
    done = piuparts.result(timeout=PIUPARTS_SECONDS + 60)
    if done is None:
        pytest.skip("piuparts needs a mirror of Debian, and none can be reached")
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert "PASS: All tests." in done.stdout
