"""A network of its own: a bridge without any address, in a namespace that reaches nothing else.

Machines and neighbours hang on it. The host is not on it, and no packet can leave it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.machines.capture import Capture
from tests.machines.ground import Ground
from tests.machines.namespace import Namespace
from tests.machines.neighbour import Neighbour
from tests.machines.programs import MachineError

BRIDGE = "bridge"
GATEWAY = "10.44.0.254"


class Place:
    """An address on the network for one machine: its namespace is made again at every boot.

    A namespace that outlived a boot would keep firewall rules which a real server forgets.
    """

    def __init__(self, bridge: Namespace, namespace: Namespace, address: str) -> None:
        self.address = address
        self.resolver = GATEWAY
        self.namespace = namespace
        self._bridge = bridge
        # An interface's name has at most 15 characters.
        self._port = "port" + address.rpartition(".")[2]

    @property
    def address6(self) -> str:
        return "fd44::" + self.address.rpartition(".")[2]

    @property
    def card(self) -> str:
        """The address of the network card, by which a capture knows who sent a frame."""
        return f"02:00:0a:2c:00:{int(self.address.rpartition('.')[2]):02x}"

    def open(self) -> None:
        self.namespace.create()
        self._bridge.ip(
            *("link", "add", self._port, "type", "veth"),
            *("peer", "name", "host0", "netns", self.namespace.name),
        )
        self.namespace.ip("link", "set", "host0", "address", self.card)
        self._bridge.ip("link", "set", self._port, "addrgenmode", "none")
        self._bridge.ip("link", "set", self._port, "master", BRIDGE, "up")
        # No automatic addresses: the kernel would announce them, and a capture shall show what
        # software sends.
        self.namespace.ip("link", "set", "host0", "addrgenmode", "none")
        self.namespace.ip("address", "add", f"{self.address}/24", "dev", "host0")
        self.namespace.ip("address", "add", f"{self.address6}/64", "dev", "host0", "nodad")
        self.namespace.ip("link", "set", "host0", "up")
        # With a way out, an attempt to call anywhere becomes a packet that a capture can show.
        if self.address != GATEWAY:
            self.namespace.ip("route", "add", "default", "via", GATEWAY)

    def close(self) -> None:
        with contextlib.suppress(MachineError):
            # Namespaces vanish some time after their deletion; the port's name is needed at once.
            self._bridge.ip("link", "delete", self._port)
        self.namespace.delete()


class Network:
    """The bridge, and who is on it."""

    def __init__(self, ground: Ground, label: str) -> None:
        self._ground = ground
        self._prefix = f"{ground.name}-{label}"
        self._bridge = Namespace(f"{self._prefix}-bridge")
        self._neighbours: dict[str, Neighbour] = {}
        self._cleanup = ExitStack()

    def open(self) -> None:
        self._cleanup.callback(self._bridge.delete)
        self._bridge.create()
        # Without snooping a bridge forwards at once whatever it is given.
        self._bridge.ip("link", "add", BRIDGE, "type", "bridge", "mcast_snooping", "0")
        self._bridge.ip("link", "set", BRIDGE, "addrgenmode", "none")
        self._bridge.ip("link", "set", BRIDGE, "up")

    def close(self) -> None:
        self._cleanup.close()

    def place(self, address: str) -> Place:
        """A place for a machine at this address, to be opened by the machine's boot."""
        last = address.rpartition(".")[2]
        return Place(self._bridge, Namespace(f"{self._prefix}-{last}"), address)

    def neighbour(self, address: str) -> Neighbour:
        """The neighbour at this address: a namespace with servers that note who calls."""
        if address not in self._neighbours:
            place = self.place(address)
            self._cleanup.callback(place.close)
            place.open()
            neighbour = Neighbour(place.namespace, address)
            self._cleanup.callback(neighbour.close)
            self._neighbours[address] = neighbour
        return self._neighbours[address]

    @contextmanager
    def capture(self, label: str = "capture") -> Iterator[Capture]:
        """Record every frame on the bridge from now on."""
        capture = Capture(
            namespace=self._bridge,
            interface=BRIDGE,
            file=self._ground.folder / f"{self._bridge.name}-{label}.pcap",
            group=self._ground.control_group(f"{self._bridge.name}-{label}"),
            witness=self.neighbour(GATEWAY),
        )
        capture.start()
        try:
            yield capture
        finally:
            capture.stop()


@contextmanager
def running_network(ground: Ground, label: str) -> Iterator[Network]:
    """A network that is gone afterwards."""
    network = Network(ground, label)
    try:
        network.open()
        yield network
    finally:
        network.close()
