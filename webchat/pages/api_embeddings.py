"""The OpenAI-shaped interface to vectors: POST /v1/embeddings."""

from __future__ import annotations

import json
import sys
from array import array
from base64 import b64encode
from collections.abc import Iterator
from contextlib import aclosing

from aiohttp import web

from appliance.accounts.guard import holder
from appliance.llm.choice import Purpose
from appliance.shares.model import Work
from webchat import keys
from webchat.pages.api_chat_body import (
    LARGEST_BODY,
    OUR_NAME,
    EmbeddingRequest,
    Encoding,
    read_embedding_request,
)
from webchat.pages.api_client import read_body, until_disconnect


async def embeddings(request: web.Request) -> web.StreamResponse:
    """POST /v1/embeddings. The account's turn ends when the client disconnects."""
    wanted = read_embedding_request(await read_body(request, LARGEST_BODY))
    return await until_disconnect(request, _embedded(request, wanted))


async def _embedded(request: web.Request, wanted: EmbeddingRequest) -> web.Response:
    app, account = request.app, holder(request).account
    model = await app[keys.ANSWERING].nameable(Purpose.SEARCH, wanted.model)
    queue = app[keys.SHARES][Work.EMBEDDING]
    made = app[keys.BULK_EMBEDDER].embed_in_turn(queue, account.id, model.name, wanted.texts)
    # Written batch by batch: all vectors at once would keep the event loop, and fill the memory
    # with a Python object for each number.
    entries: list[str] = []
    tokens = 0
    async with aclosing(made):
        async for batch in made:
            entries += _entries(batch.vectors, len(entries), wanted.encoding)
            tokens += batch.prompt_tokens or 0
            # Not kept until the next turn, for which this request may wait for long.
            del batch
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    rest = json.dumps({"model": wanted.model or OUR_NAME, "usage": usage})
    text = f'{{"object": "list", "data": [{", ".join(entries)}], {rest[1:]}'
    return web.Response(text=text, content_type="application/json")


def _entries(vectors: list[list[float]], first: int, encoding: Encoding) -> Iterator[str]:
    for index, vector in enumerate(vectors, first):
        written = vector if encoding is Encoding.FLOAT else _base64(vector)
        yield json.dumps({"object": "embedding", "index": index, "embedding": written})


def _base64(vector: list[float]) -> str:
    """Return the numbers as OpenAI's clients read them: 32 bits each, the lowest byte first."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return b64encode(numbers.tobytes()).decode("ascii")
