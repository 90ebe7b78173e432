from __future__ import annotations

from appliance.fetch.progress import Progress, size
from appliance.llm.model import PullReport

GIGABYTE = 1_000_000_000


def part(completed: int, total: int = 4 * GIGABYTE, digest: str = "sha256:a") -> PullReport:
    return PullReport("pulling a", digest, total, completed)


def test_a_large_part_has_a_line_every_few_percent() -> None:
    progress = Progress()
    reports = [part(4 * GIGABYTE * step // 1000) for step in range(1001)]
    lines = [line for report in reports if (line := progress.line(report))]
    assert len(lines) == 21
    assert lines[0] == "0 B of 4.0 GB (0 %)"
    assert lines[1] == "200.0 MB of 4.0 GB (5 %)"
    assert lines[-1] == "4.0 GB of 4.0 GB (100 %)"


def test_a_part_that_begins_again_is_not_reported_again() -> None:
    progress = Progress()
    assert progress.line(part(2 * GIGABYTE))
    assert progress.line(part(GIGABYTE)) == ""
    assert progress.line(part(2 * GIGABYTE)) == ""
    assert progress.line(part(3 * GIGABYTE))


def test_small_parts_are_not_worth_a_line() -> None:
    progress = Progress()
    assert progress.line(part(50, total=500, digest="sha256:b")) == ""
    assert progress.line(part(500, total=500, digest="sha256:b")) == ""


def test_words_of_the_runner_are_said_once_and_ours() -> None:
    progress = Progress()
    assert progress.line(PullReport("pulling manifest")) == "Asking the registry …"
    assert progress.line(PullReport("pulling manifest")) == ""
    assert progress.line(PullReport("verifying sha256 digest")) == "Checking what arrived …"
    assert progress.line(PullReport("success")) == ""


def test_words_that_we_do_not_know_are_passed_on_without_control_characters() -> None:
    assert Progress().line(PullReport("defragmenting\x1b[0m")) == "defragmenting\ufffd[0m"


def test_sizes_are_those_of_disks() -> None:
    assert [size(count) for count in (0, 999, 1000, 4_700_000_000, 1_500_000_000_000)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "4.7 GB",
        "1.5 TB",
    ]
