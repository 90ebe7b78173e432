"""What an operator writes into the file of settings, and what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.core.environment_file import read_environment_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cloister.env"


def test_settings_are_read_and_everything_else_is_passed_over(file: Path) -> None:
    file.write_text(
        "# CLOISTER_HOST=commented\n\nCLOISTER_HOST=server.example\n"
        "OLLAMA_HOST=unix:///run/other=1\nnot a setting\nCLOISTER_EMPTY=\n"
    )
    assert read_environment_file(file) == {
        "CLOISTER_HOST": "server.example",
        "OLLAMA_HOST": "unix:///run/other=1",
        "CLOISTER_EMPTY": "",
    }


def test_spaces_and_quotes_around_a_value_are_no_part_of_it(file: Path) -> None:
    file.write_text(
        "  CLOISTER_PORT = 80 \nCLOISTER_HOST=\"a b\"\nCLOISTER_BIND='::'\r\nCLOISTER_RUN='\n"
    )
    assert read_environment_file(file) == {
        "CLOISTER_PORT": "80",
        "CLOISTER_HOST": "a b",
        "CLOISTER_BIND": "::",
        "CLOISTER_RUN": "'",
    }


def test_the_last_of_two_lines_wins(file: Path) -> None:
    file.write_text("CLOISTER_PORT=1\nCLOISTER_PORT=2\n")
    assert read_environment_file(file) == {"CLOISTER_PORT": "2"}


def test_a_name_that_is_not_ours_never_arrives(file: Path) -> None:
    file.write_text("PATH=/tmp\nLD_PRELOAD=/tmp/x.so\nXCLOISTER_A=1\nexport CLOISTER_A=1\n")
    assert read_environment_file(file) == {}


def test_a_file_that_cannot_be_read_has_no_settings(file: Path) -> None:
    assert read_environment_file(file) == {}
    assert read_environment_file(file.parent) == {}
    file.write_bytes(b"CLOISTER_HOST=\xff\nCLOISTER_PORT=1\n")
    assert read_environment_file(file)["CLOISTER_PORT"] == "1"
