"""What an operator writes into the file of settings, what is wrong with it, what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.core.environment_file import (
    KNOWN,
    EnvironmentFinding,
    Problem,
    environment_findings,
    judged_text,
    judged_variables,
    keep_last_good,
    usable_environment,
)
from appliance.core.settings import Settings, from_environment
from appliance.settings.words import sentence_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cloister.env"


def chosen(file: Path) -> dict[str, str]:
    """Return the settings of a file that was never without an error before."""
    return usable_environment(file, file.with_name("missing"))


def test_settings_are_read_and_everything_else_is_passed_over(file: Path) -> None:
    file.write_text(
        "# CLOISTER_HOST=commented\n\nCLOISTER_HOST=server.example\n"
        "CLOISTER_CONTEXT_TOKENS=4096\nnot a setting\nCLOISTER_EMPTY=\n"
    )
    assert chosen(file) == {
        "CLOISTER_HOST": "server.example",
        "CLOISTER_CONTEXT_TOKENS": "4096",
    }


def test_spaces_and_quotes_around_a_value_are_no_part_of_it(file: Path) -> None:
    file.write_text(
        '  CLOISTER_CHAT_PROCESSES = 3 \nCLOISTER_HOST="server.example"\n'
        "CLOISTER_CONTEXT_TOKENS='4096'\r\n"
    )
    assert chosen(file) == {
        "CLOISTER_CHAT_PROCESSES": "3",
        "CLOISTER_HOST": "server.example",
        "CLOISTER_CONTEXT_TOKENS": "4096",
    }


def test_the_last_of_two_lines_wins(file: Path) -> None:
    file.write_text("CLOISTER_CHAT_PROCESSES=1\nCLOISTER_CHAT_PROCESSES=2\n")
    assert chosen(file) == {"CLOISTER_CHAT_PROCESSES": "2"}


def test_a_name_that_is_not_ours_never_arrives(file: Path) -> None:
    file.write_text("PATH=/tmp\nLD_PRELOAD=/tmp/x.so\nXCLOISTER_A=1\nexport CLOISTER_A=1\n")
    assert chosen(file) == {}


def test_a_missing_file_has_no_settings(file: Path) -> None:
    assert chosen(file) == {}
    assert chosen(file.parent) == {}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("CLOISTER_UPLOAD_LIMIT=lots", Problem.WRONG_VALUE),
        ("CLOISTER_UPLOAD_LIMIT=0", Problem.WRONG_VALUE),
        ("CLOISTER_CHAT_PROCESSES=17", Problem.WRONG_VALUE),
        ("CLOISTER_SECURE_COOKIES=perhaps", Problem.WRONG_VALUE),
        ("CLOISTER_PROXY_PROTOCOL=on", Problem.WRONG_VALUE),
        ("CLOISTER_TRUSTED_PROXY=proxy.example", Problem.WRONG_VALUE),
        ("CLOISTER_TRUSTED_PROXY=10.0.0.1/24", Problem.WRONG_VALUE),
        ("CLOISTER_HOST_NAMES=box.example, http://box", Problem.WRONG_VALUE),
        ("CLOISTER_HOST=two words", Problem.WRONG_VALUE),
        ("CLOISTER_NGINX=nginx", Problem.WRONG_VALUE),
        ("CLOISTER_UPLOAD_LIMT=5", Problem.UNKNOWN_NAME),
        ("PATH=/tmp", Problem.FOREIGN_NAME),
        ("export CLOISTER_HOST=server", Problem.NOT_A_SETTING),
        ("CLOISTER_HOST", Problem.NOT_A_SETTING),
        ("cloister host", Problem.NOT_A_SETTING),
        ("CLOISTER_HOST=server # the name", Problem.AMBIGUOUS),
        ("CLOISTER_HOST='server", Problem.AMBIGUOUS),
        ('CLOISTER_HOST="a" b', Problem.AMBIGUOUS),
        ("CLOISTER_HOST=ser\\", Problem.AMBIGUOUS),
        ("CLOISTER_PORT=80", Problem.NO_EFFECT),
        ("OLLAMA_HOST=10.0.0.1", Problem.NO_EFFECT),
    ],
)
def test_a_wrong_line_is_found_with_its_number(line: str, problem: Problem) -> None:
    [finding] = judged_text(f"# A comment\n\nCLOISTER_GENERATION_SLOTS=2\n{line}\n")
    assert (finding.line, finding.problem) == (4, problem)
    assert sentence_of(finding).startswith("Line 4: ")


@pytest.mark.parametrize(
    "line",
    [
        "CLOISTER_HOST=server.example",
        "CLOISTER_HOST=192.0.2.7",
        "CLOISTER_HOST=[2001:db8::1]",
        "CLOISTER_HOST=",
        " CLOISTER_CHAT_PROCESSES = '16' ",
        'CLOISTER_UPLOAD_LIMIT="5"',
        "CLOISTER_NGINX=off",
        "CLOISTER_SECURE_COOKIES=yes",
        "CLOISTER_PROXY_PROTOCOL=no",
        "CLOISTER_TRUSTED_PROXY=10.0.0.5, 2001:db8::/32",
        "CLOISTER_HOST_NAMES=box.example 192.0.2.7 [2001:db8::1]",
        "CLOISTER_HOST_NAMES=",
        "; another comment",
        "   ",
    ],
)
def test_what_can_be_meant_is_no_finding(line: str) -> None:
    assert judged_text(line) == []


def test_everything_is_found_at_once_and_the_nearest_name_is_offered() -> None:
    findings = judged_text("CLOISTER_CHAT_PROCESES=2\nCLOISTER_XYZZY=1\nCLOISTER_HOST=a b\n")
    assert [finding.line for finding in findings] == [1, 2, 3]
    assert findings[0].nearest == "CLOISTER_CHAT_PROCESSES"
    assert "did you mean CLOISTER_CHAT_PROCESSES?" in sentence_of(findings[0])
    assert "cloister.env(5)" in sentence_of(findings[1])


def test_a_second_line_for_a_name_is_worth_a_look() -> None:
    [finding] = judged_text("CLOISTER_HOST=a\nCLOISTER_HOST=b\n")
    assert (finding.line, finding.problem) == (2, Problem.GIVEN_TWICE)
    assert not finding.problem.is_error


@pytest.mark.parametrize("problem", list(Problem))
def test_each_problem_has_its_words(problem: Problem) -> None:
    finding = EnvironmentFinding(1, problem, "CLOISTER_X", "1", expected="2")
    assert sentence_of(finding).endswith((".", "?"))


def test_a_file_that_is_no_text_is_found_and_a_missing_one_is_right(file: Path) -> None:
    assert environment_findings(file) == []
    file.write_bytes(b"CLOISTER_HOST=\xff\n")
    assert [finding.problem for finding in environment_findings(file)] == [Problem.UNREADABLE]
    assert [finding.problem for finding in environment_findings(file.parent)] == [
        Problem.UNREADABLE
    ]


def test_every_variable_of_the_settings_is_known() -> None:
    """A setting that `as_environment` writes and that is missing in the table would be refused."""
    settings = Settings(
        Path("/srv"), packaged=True, runtime=Path("/run/c"), nginx="/n", account="nobody"
    )
    assert {name for name in settings.as_environment() if name.startswith("CLOISTER_")} <= {*KNOWN}
    assert judged_variables(settings.as_environment()) == []
    assert [finding.name for finding in judged_variables({"CLOISTER_PORT": "x", "PATH": "/"})] == [
        "CLOISTER_PORT"
    ]


def test_a_file_with_an_error_leaves_the_last_good_one_in_use(file: Path) -> None:
    last_good = file.with_name("last-good")
    file.write_text("CLOISTER_CHAT_PROCESSES=4\n")
    assert usable_environment(file, last_good) == {"CLOISTER_CHAT_PROCESSES": "4"}
    keep_last_good(file, last_good)
    file.write_text("CLOISTER_CHAT_PROCESSES=2\nCLOISTER_UPLOAD_LIMIT=lots\n")
    assert usable_environment(file, last_good) == {"CLOISTER_CHAT_PROCESSES": "4"}
    file.write_text("CLOISTER_CHAT_PROCESSES=2\n")
    assert usable_environment(file, last_good) == {"CLOISTER_CHAT_PROCESSES": "2"}


def test_without_a_last_good_file_only_the_wrong_lines_count_for_nothing(file: Path) -> None:
    file.write_text(
        "CLOISTER_CHAT_PROCESSES=3\nCLOISTER_UPLOAD_LIMIT=lots\nCLOISTER_PORT=x\nnonsense\n"
    )
    chosen = usable_environment(file, file.with_name("missing"))
    settings = from_environment(chosen)
    assert (settings.chat_processes, settings.upload_limit) == (3, Settings(Path()).upload_limit)


@pytest.mark.parametrize("line", ["CLOISTER_PORT=x", "CLOISTER_HOST=\x00", "=", "\x1b[2J", "é=1"])
def test_no_line_whatsoever_keeps_a_process_from_starting(file: Path, line: str) -> None:
    file.write_text(f"{line}\nCLOISTER_GENERATION_SLOTS=2\n")
    from_environment(usable_environment(file, file.with_name("missing")))
