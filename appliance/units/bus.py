"""One connection to the system bus, to speak with systemd. The only importer of `dbus_fast`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from appliance.core.errors import ApplianceError
from appliance.units.errors import (
    NotAllowedError,
    SystemBusError,
    SystemdRefusedError,
    UnitFileMissingError,
)

SYSTEMD = "org.freedesktop.systemd1"
ROOT = "/org/freedesktop/systemd1"
MANAGER = "org.freedesktop.systemd1.Manager"
JOB = "org.freedesktop.systemd1.Job"
PROPERTIES = "org.freedesktop.DBus.Properties"
# The library looks below /var/run, a link that a service whose /var is hidden does not have.
SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"
_BUS, _BUS_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"
# polkit may ask others before it answers, but not for longer than this.
PATIENCE = 30.0

_NOT_ALLOWED = ("AccessDenied", "InteractiveAuthorizationRequired", "NotAuthorized")
_NO_FILE = ("NoSuchUnit", "LoadFailed", "BadUnitSetting", "UnitMasked")


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal of systemd."""

    path: str
    interface: str
    member: str
    body: list[Any]


class Bus:
    """A connection that is open until `closed` returns; then a new one is needed.

    `receive` is called with each signal of systemd, in their order. A connection ends, too, when
    systemd itself has left the bus or came back to it: it knows nothing of us then.
    """

    def __init__(self, connection: MessageBus, receive: Callable[[Signal], None]) -> None:
        self._connection = connection
        self._receive = receive
        self._owner = ""
        self._hooks: dict[int, Callable[[list[Any]], None]] = {}
        ended: Coroutine[Any, Any, None] = connection.wait_for_disconnect()  # type: ignore[no-untyped-call]
        self._ended = asyncio.ensure_future(ended)

    @classmethod
    async def connect(cls, address: str, receive: Callable[[Signal], None]) -> Bus:
        """Return an open connection to systemd. Raises SystemBusError."""
        try:
            connection = MessageBus(bus_address=address, bus_type=BusType.SYSTEM)
        except Exception as error:
            # The library raises any error of its socket, of its parser and of the other side.
            raise SystemBusError(problem=_words(error)) from error
        try:
            async with asyncio.timeout(PATIENCE):
                await connection.connect()
            bus = cls(connection, receive)
            connection.add_message_handler(bus._take)
            await bus._find_systemd()
        except BaseException as error:
            connection.disconnect()
            if isinstance(error, ApplianceError) or not isinstance(error, Exception):
                raise
            raise SystemBusError(problem=_words(error)) from error
        return bus

    async def call(
        self,
        path: str,
        call: tuple[str, str],
        signature: str = "",
        body: tuple[object, ...] = (),
        *,
        then: Callable[[list[Any]], None] | None = None,
    ) -> list[Any]:
        """Call a method of systemd, (interface, member), and return what it answers.

        `then` gets the answer before any signal that systemd sent after it; the caller itself
        goes on later. Raises SystemBusError, or SystemdRefusedError when systemd says no.
        """
        return await self._call(SYSTEMD, path, call, signature, body, then)

    async def listen(self, **rule: str) -> None:
        """Ask for signals of systemd. Raises SystemBusError."""
        await self._match(sender=SYSTEMD, **rule)

    async def closed(self) -> None:
        """Wait until the connection has ended, for whatever reason."""
        await asyncio.wait({self._ended})
        if not self._ended.cancelled():
            # The reason does not matter; reading it keeps asyncio from logging it.
            self._ended.exception()

    def close(self) -> None:
        """End the connection."""
        if self._connection.connected:
            self._connection.disconnect()

    async def _find_systemd(self) -> None:
        await self._match(
            sender=_BUS, interface=_BUS, member="NameOwnerChanged", path=_BUS_PATH, arg0=SYSTEMD
        )
        owner = (_BUS, "GetNameOwner")
        try:
            (self._owner,) = await self._call(_BUS, _BUS_PATH, owner, "s", (SYSTEMD,))
        except SystemdRefusedError as error:
            raise SystemBusError(problem=error.message) from error

    async def _match(self, **rule: str) -> None:
        text = ",".join(f"{name}='{value}'" for name, value in {"type": "signal", **rule}.items())
        await self._call(_BUS, _BUS_PATH, (_BUS, "AddMatch"), "s", (text,))

    async def _call(
        self,
        destination: str,
        path: str,
        call: tuple[str, str],
        signature: str,
        body: tuple[object, ...],
        then: Callable[[list[Any]], None] | None = None,
    ) -> list[Any]:
        if not self._connection.connected:
            raise SystemBusError(problem="the connection has ended")
        interface, member = call
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
            serial=self._connection.next_serial(),
        )
        if then:
            self._hooks[message.serial] = then
        try:
            async with asyncio.timeout(PATIENCE):
                reply = await self._connection.call(message)
        except Exception as error:
            # As above; an answer that does not come is one more of them.
            raise SystemBusError(problem=_words(error)) from error
        finally:
            self._hooks.pop(message.serial, None)
        if reply is None:
            raise SystemBusError(problem="the connection has ended")
        if reply.message_type is MessageType.ERROR:
            raise _refusal(reply, str(body[0]) if body else path)
        return _plain_list(reply.body)

    def _take(self, message: Message) -> None:
        """See each message first. Signals count only when systemd itself has sent them."""
        if message.message_type is MessageType.METHOD_RETURN:
            if hook := self._hooks.pop(message.reply_serial, None):
                hook(_plain_list(message.body))
        elif message.message_type is MessageType.SIGNAL:
            if message.sender == _BUS and message.member == "NameOwnerChanged":
                # Not within the library's own reading from the socket.
                asyncio.get_running_loop().call_soon(self.close)
            elif message.sender == self._owner:
                self._receive(
                    Signal(
                        str(message.path),
                        str(message.interface),
                        str(message.member),
                        _plain_list(message.body),
                    )
                )


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a message may hold
    """Return a value without the wrappers that carry D-Bus types."""
    if isinstance(value, Variant):
        return plain(value.value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    return value


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _plain_list(values: list[Any]) -> list[Any]:
    return [plain(value) for value in values]


def _refusal(reply: Message, unit: str) -> SystemdRefusedError:
    name = str(reply.error_name)
    problem = str(reply.body[0]).rstrip(".") if reply.body else name
    kind = SystemdRefusedError
    if name.endswith(_NOT_ALLOWED):
        kind = NotAllowedError
    elif name.endswith(_NO_FILE):
        kind = UnitFileMissingError
    return kind(problem=f"{problem}.", unit=unit, name=name)
