"""Settings survive the way through an environment."""

from __future__ import annotations

from pathlib import Path

from appliance.core.settings import Settings, from_environment


def test_settings_read_back_from_their_environment_are_the_same() -> None:
    settings = Settings(
        home=Path("/srv/cloister"),
        port=9000,
        bind="::1",
        chat_processes=3,
        ollama_url="http://127.0.0.1:1",
        nginx="/usr/sbin/nginx",
        upload_limit=1,
        generation_slots=2,
        context_tokens=3,
        secure_cookies=True,
        account="nobody",
    )
    assert from_environment(settings.as_environment()) == settings
    plain = Settings(home=Path("/srv/cloister"))
    assert from_environment(plain.as_environment()) == plain
