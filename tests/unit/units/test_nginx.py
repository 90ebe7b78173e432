"""The configuration and the command of Nginx as values."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest

from appliance.core.settings import Settings
from appliance.probes.http import HttpProbe, Identity
from appliance.units.errors import PreparationError
from appliance.units.identity import ensure_identity
from appliance.units.nginx import Secured, configuration, has_http2_directive, nginx
from appliance.units.socket_activation import Listener, Listeners
from tests.unit.units.parts import SETTINGS

PACKAGED = replace(SETTINGS, packaged=True, runtime=Path("/run/cloister"), host="box.example")
ANY = "0.0.0.0"  # noqa: S104 - a text
SOCKETS = Listeners(
    (
        Listener(3, ANY, 80),
        Listener(4, ANY, 443),
        Listener(5, "::", 80),
        Listener(6, "::", 443),
    )
)
IDENTITY = "0123456789abcdef0123456789abcdef"
PROGRAM = Path("/usr/sbin/nginx")


def lines(text: str, word: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith(word)]


def test_nginx_has_one_upstream_a_chat_server() -> None:
    text = configuration(SETTINGS, IDENTITY)
    for worker in (1, 2):
        address = f"unix:{SETTINGS.chat_socket(worker)}"
        assert text.count(f'server "{address}"') == 2
        assert f"location /ws/{worker}/ {{" in text
    assert lines(text, "listen") == ["listen 127.0.0.1:8080;"]
    assert "\nuser " not in text
    assert "\nuser root;" in configuration(SETTINGS, IDENTITY, user="root")


def test_nginx_keeps_everything_below_the_home() -> None:
    paths = [
        line.strip(" ;").split()[1].strip('"')
        for word in ("pid ", "client_body_temp_path", "proxy_temp_path")
        for line in lines(configuration(SETTINGS, IDENTITY), word)
    ]
    assert len(paths) == 3
    assert all(path.startswith("/srv/cloister/run/nginx/") for path in paths)


def test_a_clone_has_no_tls() -> None:
    text = configuration(SETTINGS, IDENTITY)
    assert "ssl" not in text
    assert "http2" not in text
    assert "https" not in text


def test_packaged_everything_but_the_redirect_is_behind_tls() -> None:
    text = configuration(PACKAGED, IDENTITY, secured=Secured.on(SOCKETS))
    redirect, _, serving = text.partition("return 301 ")
    assert lines(redirect, "listen") == [
        "listen 0.0.0.0:80 default_server;",
        "listen [::]:80 default_server;",
    ]
    assert lines(redirect, "location")[0].startswith('location ~ "^/\\.well-known/acme-challenge/')
    assert lines(serving, "listen") == [
        "listen 0.0.0.0:443 ssl default_server;",
        "listen [::]:443 ssl default_server;",
        'listen "unix:/run/cloister/nginx/health.sock";',
        'listen "unix:/run/cloister/nginx/tls.sock" ssl;',
    ]
    assert 'ssl_certificate "/srv/cloister/tls/served.pem";' in text
    assert 'ssl_certificate_key "/srv/cloister/tls/served.pem";' in text


def test_a_clone_serves_over_tls_on_its_own_port_if_that_is_wanted() -> None:
    settings = replace(SETTINGS, with_tls=True, plain_port=8081, hsts_days=2)
    text = configuration(settings, IDENTITY, secured=Secured.of_clone(settings))
    redirect, _, serving = text.partition("return 301 ")
    assert lines(redirect, "listen") == ["listen 127.0.0.1:8081 default_server;"]
    assert lines(serving, "listen")[0] == "listen 127.0.0.1:8080 ssl default_server;"
    assert serving.startswith("https://$host:8080$request_uri;")
    assert 'add_header Strict-Transport-Security "max-age=172800" always;' in serving


def test_a_redirect_names_the_port_only_when_it_is_an_unusual_one() -> None:
    shifted = Listeners((Listener(3, "::", 8443), Listener(4, "::", 8080)))
    assert "return 301 https://$host$request_uri;" in configuration(
        PACKAGED, IDENTITY, secured=Secured.on(SOCKETS)
    )
    assert "return 301 https://$host:8443$request_uri;" in configuration(
        PACKAGED, IDENTITY, secured=Secured.on(shifted)
    )


def test_a_host_that_is_no_name_cannot_change_the_configuration() -> None:
    settings = replace(PACKAGED, host="x; return 200")
    text = configuration(settings, IDENTITY, secured=Secured.on(SOCKETS))
    assert lines(text, "server_name") == ["server_name localhost;", "server_name _;"]
    text = configuration(PACKAGED, IDENTITY, secured=Secured.on(SOCKETS))
    assert lines(text, "server_name") == ["server_name box.example;", "server_name _;"]


@pytest.mark.parametrize(
    ("version", "known"),
    [("1.22.1", False), ("1.25.0", False), ("1.25.1", True), ("1.26.3", True), ("2.0.0", True)],
)
def test_http2_is_switched_on_where_that_gives_no_warning(version: str, *, known: bool) -> None:
    reported = f"nginx version: nginx/{version}\n"
    assert has_http2_directive(reported) is known
    secured = Secured.on(SOCKETS, http2=known)
    assert ("http2 on;" in configuration(PACKAGED, IDENTITY, secured=secured)) is known
    assert not has_http2_directive("something else")


def test_the_supervisor_asks_over_the_socket_and_needs_no_inherited_ones() -> None:
    unit = nginx(PACKAGED, PROGRAM)
    assert unit.probe == HttpProbe(
        "http://localhost/health/proxy",
        socket=Path("/run/cloister/nginx/health.sock"),
        expected=HTTPStatus.NO_CONTENT,
        identity=Identity("X-Cloister-Identity", Path("/run/cloister/nginx/identity")),
    )
    assert "NGINX" not in unit.environment


def test_a_clone_is_asked_where_it_listens() -> None:
    unit = nginx(replace(SETTINGS, bind="::"), PROGRAM)
    assert isinstance(unit.probe, HttpProbe)
    assert unit.probe.url == "http://[::1]:8080/health/proxy"
    assert unit.probe.socket is None


def test_only_its_health_says_whose_server_it_is() -> None:
    text = configuration(SETTINGS, IDENTITY)
    before, _, after = text.partition(IDENTITY)
    assert before.rstrip().endswith("add_header X-Cloister-Identity")
    assert "location = /health/proxy {" in before
    assert after.split()[:4] == ["always;", "return", "204;", "}"]
    assert IDENTITY not in after


def test_each_home_has_an_identity_of_its_own_that_stays(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    identity = ensure_identity(first)
    assert ensure_identity(first) == identity
    assert ensure_identity(second) != identity
    first.write_text("$request_uri; return 200")
    assert ensure_identity(first) not in {identity, "$request_uri; return 200"}
    assert len(bytes.fromhex(ensure_identity(first))) == 16


async def test_without_sockets_it_does_not_start(tmp_path: Path) -> None:
    settings = replace(PACKAGED, home=tmp_path, runtime=tmp_path / "run")
    with pytest.raises(PreparationError, match=r"cloister-nginx\.socket"):
        await nginx(settings, PROGRAM).prepare()


def test_a_clone_ignores_sockets_that_were_passed_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)):
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        monkeypatch.setenv("LISTEN_FDS", "1")
        unit = nginx(Settings(home=Path("/srv/cloister")), PROGRAM)
    assert "NGINX" not in unit.environment


def test_a_reload_lets_a_stream_go_on_for_longer_than_it_may_be_silent() -> None:
    text = configuration(SETTINGS, IDENTITY)
    [shutdown] = lines(text, "worker_shutdown_timeout")
    [hours] = re.findall(r"worker_shutdown_timeout (\d+)h;", shutdown)
    silences = [int(line.split()[1].rstrip("s;")) for line in lines(text, "proxy_read_timeout")]
    assert int(hours) * 3600 > max(silences)
