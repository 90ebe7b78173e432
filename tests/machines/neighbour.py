"""Another computer on the network, played by a namespace with a few sockets in it."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tests.machines.namespace import Namespace

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody reached one of the neighbour's servers."""

    protocol: str
    port: int
    caller: str


class Neighbour:
    """Notes who calls its servers, and can itself be a client."""

    def __init__(self, namespace: Namespace, address: str) -> None:
        self.address = address
        self.namespace = namespace
        self.calls: list[Call] = []
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"at {address}", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[], Result], seconds: float = 120) -> Result:
        """The result of a function that calls from this neighbour's address."""
        return self.namespace.run(work, seconds)

    def listen_tcp(self, *ports: int) -> None:
        """Accept whoever connects to these ports, greet and hang up."""
        for port in ports:
            self._listen("tcp", socket.SOCK_STREAM, port)

    def listen_udp(self, *ports: int) -> None:
        """Take what is sent to these ports, and never answer."""
        for port in ports:
            self._listen("udp", socket.SOCK_DGRAM, port)

    def broadcast(self, content: bytes, port: int) -> None:
        """Send a datagram to everyone on the network."""

        def send() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                sender.sendto(content, (self.address.rpartition(".")[0] + ".255", port))

        self.run(send)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._selector.close()
        for listener in self._sockets:
            listener.close()

    def _listen(self, protocol: str, kind: socket.SocketKind, port: int) -> None:
        # Both families: a call over IPv6 is noted like any other.
        listener = self.namespace.run(lambda: socket.socket(socket.AF_INET6, kind))
        self._sockets.append(listener)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        listener.bind(("::", port))
        if kind == socket.SOCK_STREAM:
            listener.listen()
        self._selector.register(listener, selectors.EVENT_READ, protocol)

    def _serve(self) -> None:
        while not self._closing.is_set():
            for key, _ in self._selector.select(timeout=0.1):
                listener = key.fileobj
                assert isinstance(listener, socket.socket)
                port = listener.getsockname()[1]
                if key.data == "tcp":
                    connection, caller = listener.accept()
                    with connection:
                        connection.sendall(b"neighbour\n")
                else:
                    _, caller = listener.recvfrom(65535)
                self.calls.append(Call(key.data, port, caller[0].removeprefix("::ffff:")))
