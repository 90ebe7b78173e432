"""Search for programs: POST /api/search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from appliance.accounts.guard import holder
from appliance.answering.citation_json import passage_json
from appliance.core.errors import InvalidInputError
from appliance.retrieval.service import MOST_PASSAGES
from appliance.web.json_body import json_object
from webchat import keys

LONGEST_QUERY = 20_000
_USUAL_PASSAGES = 12


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """The checked body."""

    query: str
    collection: str | None
    k: int


async def search(request: web.Request) -> web.Response:
    """POST /api/search: `{"query", "collection"?, "k"?}` → `{"passages": […]}`, best first.

    `collection` is an id or a name. An empty list means that no passage answers the query.
    """
    reader = holder(request).account
    wanted = _checked(await request.read())
    collection = None
    if wanted.collection is not None:
        chosen = await request.app[keys.LIBRARY].collection(reader, wanted.collection)
        collection = chosen.id
    found = await request.app[keys.RETRIEVER].retrieve(
        reader, wanted.query, k=wanted.k, collection=collection
    )
    return web.json_response({"passages": [passage_json(passage) for passage in found.passages]})


def _checked(content: bytes) -> SearchRequest:
    """Read the body. Raises InvalidInputError."""
    body = json_object(content)
    if body is None:
        raise InvalidInputError(
            problem="The body is not a JSON object.", remedy='Send {"query": "…"} as JSON.'
        )
    return SearchRequest(_query(body), _collection(body), _k(body))


def _query(body: dict[str, Any]) -> str:
    query = body.get("query")
    if not isinstance(query, str) or not query.strip() or len(query) > LONGEST_QUERY:
        raise InvalidInputError(
            problem="“query” is missing, empty or too long.",
            remedy=f"Send a text of 1 to {LONGEST_QUERY} characters.",
        )
    return query


def _collection(body: dict[str, Any]) -> str | None:
    collection = body.get("collection")
    if collection is not None and not isinstance(collection, str):
        raise InvalidInputError(
            problem="“collection” is not an id or a name.",
            remedy="Leave it out to search everything that you may read.",
        )
    return collection


def _k(body: dict[str, Any]) -> int:
    k = body.get("k", _USUAL_PASSAGES)
    if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= MOST_PASSAGES:
        raise InvalidInputError(
            problem="“k” is not a number of passages.",
            remedy=f"Send a whole number from 1 to {MOST_PASSAGES}.",
        )
    return k
