"""From inherited sockets to what Nginx does with them."""

from __future__ import annotations

import socket

import pytest

from appliance.units.socket_activation import Listener, Listeners, bracketed, inherited, listeners

ANY = "0.0.0.0"  # noqa: S104 - a text
WITHOUT_IPV6 = Listeners((Listener(3, ANY, 80), Listener(4, ANY, 443)))


def test_the_lowest_port_redirects_and_the_others_serve() -> None:
    assert WITHOUT_IPV6.redirecting == ("0.0.0.0:80",)
    assert WITHOUT_IPV6.serving == ("0.0.0.0:443",)
    swapped = Listeners((Listener(3, "::", 8443), Listener(4, "::", 8080)))
    assert swapped.redirecting == ("[::]:8080",)
    assert swapped.serving == ("[::]:8443",)


def test_a_port_alone_is_never_plain() -> None:
    alone = Listeners((Listener(3, ANY, 80), Listener(4, "::", 80)))
    assert alone.redirecting == ()
    assert alone.serving == ("0.0.0.0:80", "[::]:80")


def test_nginx_is_told_each_descriptor() -> None:
    assert WITHOUT_IPV6.environment == {"NGINX": "3;4;"}
    assert Listeners().environment == {}


def test_only_the_process_that_they_were_passed_to_takes_them() -> None:
    passed = {"LISTEN_PID": "42", "LISTEN_FDS": "4"}
    assert inherited(passed, pid=42) == (3, 4, 5, 6)
    assert inherited(passed, pid=43) == ()
    assert inherited({"LISTEN_PID": "42"}, pid=42) == ()
    assert inherited({}, pid=42) == ()


def test_the_kernel_knows_where_they_listen_and_they_stay_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = listeners([server.fileno()])
        assert found.all == (Listener(server.fileno(), "127.0.0.1", port),)
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()


@pytest.mark.parametrize(("host", "written"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_an_ipv6_address_is_written_in_brackets(host: str, written: str) -> None:
    assert bracketed(host) == written
