"""Ask a running chat server on behalf of a person."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

from appliance.accounts.command_line import PERSON_HEADER
from appliance.cli.connection import Connection, refused
from appliance.cli.context import Context
from appliance.cli.errors import ChatNotRunningError, RightsMissingError

_END = "[DONE]"


def chat_server(context: Context, person: str | None) -> Connection:
    """Return a connection to the chat servers that acts for a person.

    Without a name the chat server acts for the only operator. Raises RightsMissingError.
    """
    folder = context.settings.command_socket(1).parent
    try:
        sockets = sorted(folder.iterdir())
    except FileNotFoundError:
        sockets = []
    except PermissionError as error:
        raise RightsMissingError from error
    headers = {} if person is None else {PERSON_HEADER: quote(person)}
    is_supervised = context.settings.control_socket.exists()
    return Connection(
        sockets, ChatNotRunningError if is_supervised else context.not_running, headers
    )


async def events(server: Connection, path: str, body: object) -> AsyncGenerator[Any, None]:
    """Yield the JSON of each server-sent event, and each comment as a string.

    Raises RefusedError for an error in the stream.
    """
    async for line in server.lines("POST", path, body=body):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name and value:
            yield value
        elif name == "data" and value != _END:
            event = json.loads(value)
            if "error" in event:
                raise refused(event)
            yield event
