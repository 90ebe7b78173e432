"""A record of every frame on a network, and what of it a machine started by itself."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Protocol

from tests.machines.control_group import ControlGroup
from tests.machines.namespace import Namespace
from tests.machines.packets import Packet, read_packets
from tests.machines.programs import MachineError, wait_until

MARKER_PORT = 9  # "discard"


class Witness(Protocol):
    """Somebody on the network who can send a recognisable packet."""

    def broadcast(self, content: bytes, port: int) -> None: ...


class Capture:
    """tcpdump on a bridge. What was sent before `packets` is called is in what it returns."""

    def __init__(
        self,
        *,
        namespace: Namespace,
        interface: str,
        file: Path,
        group: ControlGroup,
        witness: Witness,
    ) -> None:
        self.file = file
        self._namespace = namespace
        self._interface = interface
        self._group = group
        self._witness = witness
        self._markers = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = (
            *("nsenter", f"--net={self._namespace.path}"),
            *("tcpdump", "-i", self._interface, "-w", str(self.file), "-Z", "root"),
            *("--immediate-mode", "--packet-buffered", "-n", "-q"),
        )
        self._group.create()
        with self.file.with_suffix(".log").open("wb") as log:
            self._process = subprocess.Popen(
                self._group.entering(*command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._is_listening, "tcpdump listens", 10)

    def packets(self) -> list[Packet]:
        """Everything recorded so far but the marks that this call itself makes."""
        self._markers += 1
        marker = f"mark {self._markers} of {self.file.name}".encode()
        # A bridge keeps the order: when our own packet is in the file, all earlier ones are too.
        self._witness.broadcast(marker, MARKER_PORT)
        wait_until(lambda: marker in self.file.read_bytes(), "the capture has caught up", 10)
        return [
            packet
            for packet in read_packets(self.file.read_bytes())
            if packet.destination_port != MARKER_PORT
        ]

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._group.end()

    def _is_listening(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            log = self.file.with_suffix(".log").read_text()
            raise MachineError(f"tcpdump ended at once: {log}")
        return self.file.exists() and "listening on" in self.file.with_suffix(".log").read_text()


def started_by(packets: list[Packet], card: str) -> list[Packet]:
    """The packets with which the owner of this network card began to speak, unasked.

    1. A TCP SYN without ACK begins a connection.
    2. A datagram begins when none came the other way before, between the same two ports.
    3. An ARP request or neighbour solicitation is part of answering when the one it looks for has
       sent something; otherwise it is the first trace of a call to a place where nobody lives.
    4. Multicast reports are between a card and its switch; the kernel sends them by itself.
    5. Anything else that is not an answer's protocol counts as begun.
    """
    heard: set[tuple[str, str]] = set()
    flows: set[tuple[str, str, str, int, int]] = set()
    begun: list[Packet] = []
    for packet in packets:
        if packet.sender != card:
            heard.add((packet.protocol_family, packet.source))
            flows.add(packet.flow)
        elif not _is_answer(packet, heard, flows):
            begun.append(packet)
    return begun


def _is_answer(
    packet: Packet,
    heard: set[tuple[str, str]],
    flows: set[tuple[str, str, str, int, int]],
) -> bool:
    match packet.kind:
        case "tcp":
            return not packet.opens_connection
        case "udp":
            return packet.reverse_flow in flows
        case "arp-request" | "neighbour-solicitation":
            return (packet.protocol_family, packet.destination) in heard
        case "arp-reply" | "neighbour-advertisement" | "icmp-error" | "echo-reply":
            return True
        case "multicast-report":
            return True
        case _:
            return False
