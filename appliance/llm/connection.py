"""The way to the model runner: one transport, Ollama's own client over it, and plain look-ups."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

import httpx
import ollama

from appliance.llm.condition import KnowCondition
from appliance.llm.errors import error_from_answer
from appliance.llm.model import JsonObject, Timeouts
from appliance.llm.network import Network
from appliance.llm.transport import Faults, ModelTransport, read_object

UNIX = "unix://"
_DEFAULT_PORT = 11434
# A stream is read as it comes from the socket, so it must not be compressed.
_HEADERS = {"accept-encoding": "identity"}


class Connection:
    """The runner at one address: `http://host:port`, `host:port` or `unix:///path/to.sock`.

    `client` is Ollama's own client, for every request that makes a model work. Its transport
    raises this feature's errors, with words from `faults`. `lookup` asks for facts that this
    client leaves out of its answers: the version, where a model runs, what it can do and, in
    Debian 13, its context.

    The environment changes nothing, because the text must not leave the machine: no proxy, no
    .netrc, no redirect, and no OLLAMA_API_KEY, which belongs to ollama.com. The connections are
    not limited here: the callers limit how many generations run at the same time.
    """

    def __init__(self, address: str, timeouts: Timeouts, know: KnowCondition) -> None:
        path = address.removeprefix(UNIX) if address.startswith(UNIX) else None
        base = "http://localhost" if path else base_url(address)
        self._transport = Network(
            uds=path, limits=httpx.Limits(max_connections=None, max_keepalive_connections=64)
        )
        self.faults = Faults(address, know)
        self._facts = httpx.AsyncClient(
            base_url=base,
            transport=self._transport,
            timeout=httpx.Timeout(timeouts.connect, read=timeouts.lookup),
            headers=_HEADERS,
            trust_env=False,
        )
        self.client = ollama.AsyncClient(
            base,
            transport=ModelTransport(self._transport, timeouts.token, self.faults),
            timeout=httpx.Timeout(timeouts.connect, read=timeouts.load),
            headers=_HEADERS,
            trust_env=False,
            follow_redirects=False,
        )

    async def aclose(self) -> None:
        """Close every connection; requests that still run break off."""
        await self._transport.aclose()

    async def lookup(self, path: str, body: JsonObject | None = None) -> JsonObject:
        """Ask for facts that the runner knows without loading a model."""
        model = str((body or {}).get("model", ""))
        async with self.faults.translated():
            response = await self._facts.request("GET" if body is None else "POST", path, json=body)
        if response.status_code != HTTPStatus.OK:
            raise error_from_answer(model, response.content, response.status_code)
        try:
            return read_object(response.content)
        except ValueError as error:
            raise await self.faults.unavailable(str(error)) from error


def base_url(address: str) -> str:
    """Return the URL of an address over TCP as Ollama's own tools read it."""
    if "://" in address:
        return address
    url = f"http://{address}"
    return url if urlsplit(url).port else f"{url}:{_DEFAULT_PORT}"
