"""Command lines, environments and configuration files as values."""

from __future__ import annotations

import getpass
from dataclasses import replace
from pathlib import Path

from appliance.units.ollama import environment_of, ollama
from appliance.units.postgres import ident_map, initdb, server, users_of
from appliance.units.programs import PostgresProgram, choose_postgres, kept_port
from tests.unit.units.parts import POSTGRES, SETTINGS


def test_postgresql_listens_on_a_socket_only() -> None:
    assert server(SETTINGS, POSTGRES) == (
        "/usr/lib/postgresql/17/bin/postgres",
        *("-D", "/srv/cloister/postgres", "-k", "/srv/cloister/run/postgres"),
    )


def test_a_new_database_orders_texts_independently_of_the_system() -> None:
    command = initdb(POSTGRES, Path("/new"))
    assert "--builtin-locale=C.UTF-8" in command
    assert "--data-checksums" in command
    assert "--auth=peer" in command
    older = initdb(PostgresProgram(Path("/bin"), 16), Path("/new"))
    assert "--locale=C" in older
    assert not any("builtin" in word for word in older)


def test_each_system_user_may_become_only_its_roles() -> None:
    text = ident_map({"cloister-chat": ("cloister_chat",), "root": ("cloister", "cloister_chat")})
    assert text == (
        'cloister "cloister-chat" cloister_chat\n'
        'cloister "root" cloister\n'
        'cloister "root" cloister_chat\n'
    )


def test_one_system_user_for_everything_may_become_every_role() -> None:
    roles = ("cloister", "cloister_chat", "cloister_ingest", "cloister_backup")
    assert users_of(SETTINGS) == {getpass.getuser(): roles}
    assert users_of(replace(SETTINGS, account="nobody"))["nobody"] == roles


def test_the_model_runner_asks_no_server_outside() -> None:
    environment = environment_of(SETTINGS, "127.0.0.1:1")
    assert environment["OLLAMA_NO_CLOUD"] == "1"
    assert environment["OLLAMA_HOST"] == "127.0.0.1:1"
    assert environment["OLLAMA_MODELS"] == "/srv/cloister/ollama/models"
    assert environment["LLAMA_ARG_CACHE_RAM"] == "512"
    assert not [name for name in environment if "proxy" in name.lower()]
    unit = ollama(SETTINGS, Path("/usr/local/bin/ollama"), 1)
    assert unit.command == ("/usr/local/bin/ollama", "serve")


async def test_the_model_runner_is_told_twice_to_stay_offline(tmp_path: Path) -> None:
    settings = replace(SETTINGS, home=tmp_path / "h")
    await ollama(settings, Path("/ollama"), 1).prepare()
    text = (settings.models / ".ollama" / "server.json").read_text()
    assert text == '{"disable_ollama_cloud": true}'


def test_the_port_of_the_model_runner_is_kept(tmp_path: Path) -> None:
    first = kept_port(tmp_path / "ollama")
    assert first > 1023
    assert kept_port(tmp_path / "ollama") == first


def test_data_is_served_by_the_version_that_made_it(tmp_path: Path) -> None:
    found = [POSTGRES, PostgresProgram(Path("/16"), 16)]
    assert choose_postgres(found, tmp_path) == POSTGRES
    (tmp_path / "PG_VERSION").write_text("16\n")
    assert choose_postgres(found, tmp_path) == found[1]
    (tmp_path / "PG_VERSION").write_text("14\n")
    assert choose_postgres(found, tmp_path) == POSTGRES
    assert choose_postgres([], tmp_path) is None
