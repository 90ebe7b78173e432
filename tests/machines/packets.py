"""Read a capture file: Ethernet frames with ARP, IPv4 and IPv6 in them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

FILE_HEADER = struct.Struct("<IHHiIII")
FRAME_HEADER = struct.Struct("<IIII")
MICROSECONDS, NANOSECONDS = 0xA1B2C3D4, 0xA1B23C4D
ETHERNET = 1
ICMP_KINDS = {0: "echo-reply", 3: "icmp-error", 8: "echo-request", 11: "icmp-error"}
ICMP6_KINDS = {
    **dict.fromkeys((1, 2, 3, 4), "icmp-error"),
    128: "echo-request",
    129: "echo-reply",
    133: "router-solicitation",
    135: "neighbour-solicitation",
    136: "neighbour-advertisement",
    143: "multicast-report",
}
IPV6_EXTENSIONS = {0, 43, 60}


@dataclass(frozen=True, slots=True)
class Packet:
    """Who sent what to whom, the sender as the address of its network card.

    Of ARP and neighbour discovery, the destination is who is looked for.
    """

    kind: str
    sender: str
    source: str
    destination: str
    source_port: int = 0
    destination_port: int = 0
    opens_connection: bool = False

    @property
    def protocol_family(self) -> str:
        return "ip6" if ":" in self.source else "ip4"

    @property
    def flow(self) -> tuple[str, str, str, int, int]:
        return self.kind, self.source, self.destination, self.source_port, self.destination_port

    @property
    def reverse_flow(self) -> tuple[str, str, str, int, int]:
        return self.kind, self.destination, self.source, self.destination_port, self.source_port


def read_packets(content: bytes) -> Iterator[Packet]:
    """The packets of a capture file, in order; the last one may still be in writing."""
    magic, *_, link = FILE_HEADER.unpack_from(content)
    if magic not in {MICROSECONDS, NANOSECONDS} or link != ETHERNET:
        raise ValueError("not a capture of Ethernet frames in this machine's byte order")
    offset = FILE_HEADER.size
    while offset + FRAME_HEADER.size <= len(content):
        _, _, length, _ = FRAME_HEADER.unpack_from(content, offset)
        offset += FRAME_HEADER.size
        if offset + length > len(content):
            return
        yield _read_frame(content[offset : offset + length])
        offset += length


def _read_frame(frame: bytes) -> Packet:
    (protocol,) = struct.unpack_from(">H", frame, 12)
    sender, payload = frame[6:12].hex(":"), frame[14:]
    match protocol:
        case 0x0806:
            return _read_arp(sender, payload)
        case 0x0800:
            return _read_ip4(sender, payload)
        case 0x86DD:
            return _read_ip6(sender, payload)
        case _:
            return Packet(f"ethernet-{protocol:04x}", sender, sender, frame[:6].hex(":"))


def _read_arp(sender: str, payload: bytes) -> Packet:
    (operation,) = struct.unpack_from(">H", payload, 6)
    kind = "arp-request" if operation == 1 else "arp-reply"
    return Packet(kind, sender, str(IPv4Address(payload[14:18])), str(IPv4Address(payload[24:28])))


def _read_ip4(sender: str, payload: bytes) -> Packet:
    source, destination = str(IPv4Address(payload[12:16])), str(IPv4Address(payload[16:20]))
    (fragment,) = struct.unpack_from(">H", payload, 6)
    if fragment & 0x1FFF:
        # Only the first fragment has ports; the rest belongs to it and to no other conversation.
        return Packet("fragment", sender, source, destination)
    body = payload[(payload[0] & 0x0F) * 4 :]
    if payload[9] == 1:
        return Packet(ICMP_KINDS.get(body[0], f"icmp-{body[0]}"), sender, source, destination)
    return _read_transport(sender, payload[9], body, (source, destination))


def _read_ip6(sender: str, payload: bytes) -> Packet:
    source, destination = str(IPv6Address(payload[8:24])), str(IPv6Address(payload[24:40]))
    protocol, body = payload[6], payload[40:]
    while protocol in IPV6_EXTENSIONS:
        protocol, body = body[0], body[(body[1] + 1) * 8 :]
    if protocol != 58:
        return _read_transport(sender, protocol, body, (source, destination))
    kind = ICMP6_KINDS.get(body[0], f"icmp6-{body[0]}")
    if kind.startswith("neighbour-"):
        destination = str(IPv6Address(body[8:24]))
    return Packet(kind, sender, source, destination)


def _read_transport(sender: str, protocol: int, body: bytes, addresses: tuple[str, str]) -> Packet:
    if protocol not in {6, 17}:
        return Packet(f"ip-{protocol}", sender, *addresses)
    source, destination = addresses
    source_port, destination_port = struct.unpack_from(">HH", body)
    if protocol == 17:
        return Packet("udp", sender, source, destination, source_port, destination_port)
    opens = bool(body[13] & 0x02) and not body[13] & 0x10  # SYN without ACK
    return Packet("tcp", sender, source, destination, source_port, destination_port, opens)
