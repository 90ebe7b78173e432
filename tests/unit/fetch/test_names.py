from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.core.errors import ApplianceError
from appliance.fetch.errors import ForeignRegistryError, InvalidNameError
from appliance.fetch.names import ModelName, escape, printable
from appliance.llm.errors import CloudModelRefusedError


@pytest.mark.parametrize(
    ("text", "whole", "path"),
    [
        ("llama3.2", "llama3.2:latest", "library/llama3.2/latest"),
        ("llama3.2:3b", "llama3.2:3b", "library/llama3.2/3b"),
        ("all-minilm:22m-l6", "all-minilm:22m-l6", "library/all-minilm/22m-l6"),
        ("library/qwen3", "qwen3:latest", "library/qwen3/latest"),
        ("some_body/Model.x:Q4_K_M", "some_body/Model.x:Q4_K_M", "some_body/Model.x/Q4_K_M"),
    ],
)
def test_a_name_is_completed_as_the_runner_does(text: str, whole: str, path: str) -> None:
    name = ModelName.parse(text)
    assert str(name) == whole
    assert name.path == Path(path)
    assert ModelName.parse(str(name)) == name


@pytest.mark.parametrize(
    "text",
    [
        "hf.co/somebody/model",
        "registry.example/model",
        "registry.ollama.ai/library/model",
        "localhost:5000/model",
        "127.0.0.1:5000/library/model:tag",
        "[::1]:80/library/model",
        "http://registry.example/library/model",
        "a/b/c/d",
    ],
)
def test_a_name_may_not_say_which_server_to_ask(text: str) -> None:
    with pytest.raises(ForeignRegistryError):
        ModelName.parse(text)


@pytest.mark.parametrize("text", ["gpt-oss:cloud", "gpt-oss:120b-cloud", "Gpt-oss:120B-CLOUD"])
def test_a_model_that_runs_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(CloudModelRefusedError):
        ModelName.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":latest",
        "model:",
        "model:a:b",
        "-model",
        ".model",
        "/model",
        "a//b",
        "../model",
        "model/../../etc",
        "model@sha256:abc",
        "two words",
        "model\n",
        "modèle",
        "model:tag/x",
        "model:local",
        "m" * 81,
        "-".join("m" * 80),
    ],
)
def test_anything_else_is_no_name(text: str) -> None:
    with pytest.raises((InvalidNameError, ForeignRegistryError)):
        ModelName.parse(text)


def test_a_refused_name_cannot_steer_the_terminal() -> None:
    with pytest.raises(ApplianceError) as refused:
        ModelName.parse("\x1b[2Jmodel")
    assert "\x1b" not in refused.value.message
    assert printable("a\x1b[31m\rb") == "a\ufffd[31m\ufffdb"


def test_the_unit_of_a_name_that_is_as_long_as_may_be_fits() -> None:
    name = ModelName.parse("m" * 80 + ":" + "t" * 80)
    assert len(name.unit) <= 255


@pytest.mark.skipif(not shutil.which("systemd-escape"), reason="systemd-escape is not installed")
@pytest.mark.parametrize("text", ["llama3.2:3b", "some_body/all-minilm:22m-l6_v2", "_x/y.z:Q4"])
def test_the_instance_is_escaped_as_systemd_does(text: str) -> None:
    escaped = subprocess.run(
        ["systemd-escape", "--", text], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert escape(text) == escaped
    unescaped = subprocess.run(
        ["systemd-escape", "--unescape", "--", escaped], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert unescaped == text
