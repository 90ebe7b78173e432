"""Values of the environment that nobody can mean."""

from __future__ import annotations

import pytest

from appliance.core.settings import from_environment
from appliance.core.variables import SettingError


@pytest.mark.parametrize("value", ["many", "-1", "0", "1.5", "²", "1 000"])
def test_a_value_that_is_no_whole_number_is_named_with_its_variable(value: str) -> None:
    with pytest.raises(SettingError) as raised:
        from_environment({"CLOISTER_UPLOAD_LIMIT": value})
    assert f"CLOISTER_UPLOAD_LIMIT={value}" in raised.value.message


def test_there_are_no_more_chat_servers_than_the_supervisor_may_start() -> None:
    assert from_environment({"CLOISTER_CHAT_PROCESSES": "16"}).chat_processes == 16
    with pytest.raises(SettingError, match="from 1 to 16"):
        from_environment({"CLOISTER_CHAT_PROCESSES": "17"})


def test_an_empty_value_is_the_default() -> None:
    assert from_environment({"CLOISTER_PORT": ""}) == from_environment({})


def test_the_package_keeps_to_itself() -> None:
    """No other machine's runner, cookies for TLS only, sockets away from the data."""
    environment = {"CLOISTER_PACKAGED": "1", "OLLAMA_HOST": "10.0.0.1", "CLOISTER_RUN": "/run/c"}
    settings = from_environment(environment)
    assert settings.ollama_url is None
    assert settings.secure_cookies
    assert str(settings.console_socket) == "/run/c/console/console.sock"
    assert settings.address == f"https://{settings.host}"
    assert from_environment(settings.as_environment()) == settings
