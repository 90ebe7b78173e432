"""POST /api/search, as a program uses it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.core.clock import SystemClock
from appliance.db.pool import Database
from tests.builders.retrieval import Library, TestDocument
from tests.http.conftest import Visit

PUMPS = "The pump in hall three was replaced in March because a bearing was worn."
QUERY = "When was the pump replaced?"

Search = Callable[..., Awaitable[ClientResponse]]


@pytest.fixture
def library(database: Database) -> Library:
    """What is searched."""
    return Library(database)


@pytest.fixture
async def search(visit: Visit, alice: Account, chat_database: Database, library: Library) -> Search:
    """Send a body with Alice's key; one shared document is there."""
    await library.add(TestDocument("pumps.txt", ["intro", PUMPS]))
    _, secret = await ApiKeys(chat_database, SystemClock()).create(
        alice, alice, "test", [Scope.SEARCH], 1
    )
    client: TestClient[web.Request, web.Application] = (await visit()).client

    async def send(body: object = None, **options: object) -> ClientResponse:
        headers = {"Authorization": f"Bearer {secret.text}"}
        if "data" not in options:
            options["json"] = body
        return await client.post("/api/search", headers=headers, **options)  # type: ignore[arg-type]

    return send


async def test_it_answers_with_passages_and_their_places(search: Search) -> None:
    answer = await search({"query": QUERY})
    assert answer.status == 200
    passage = (await answer.json())["passages"][0]
    assert passage["file"] == "pumps.txt"
    assert (passage["page"], passage["label"]) == (2, None)
    assert passage["text"] == PUMPS[passage["start"] : passage["end"]]
    assert passage["score"] > 0
    assert set(passage) >= {"document", "file", "page", "start", "end", "text", "score"}


async def test_nothing_about_it_is_an_empty_list(search: Search) -> None:
    answer = await search({"query": "Who won the championship in Melbourne?"})
    assert await answer.json() == {"passages": []}


async def test_k_limits_the_passages(search: Search, library: Library) -> None:
    await library.add(*(TestDocument(f"{n}.txt", [f"Pump {n} has valve {n}."]) for n in range(9)))
    assert len((await (await search({"query": "pump", "k": 3})).json())["passages"]) == 3


async def test_a_collection_is_chosen_by_id_or_by_name(
    search: Search, library: Library, alice: Account
) -> None:
    own = await library.collection("Alice's", alice)
    await library.add(TestDocument("own.txt", ["My own pump was replaced in May."], own))
    for collection in (str(own), "Alice's"):
        answer = await search({"query": QUERY, "collection": collection})
        files = [passage["file"] for passage in (await answer.json())["passages"]]
        assert files == ["own.txt"]


async def test_the_collection_of_another_person_does_not_exist(
    search: Search, library: Library, bob: Account
) -> None:
    foreign = await library.collection("Bob's", bob)
    await library.add(TestDocument("bob.txt", ["Bob's pump was replaced in June."], foreign))
    answer = await search({"query": QUERY, "collection": str(foreign)})
    assert answer.status == 404
    assert (await answer.json())["error"]["code"] == "not_found"
    everything = await (await search({"query": QUERY})).json()
    assert "bob.txt" not in [passage["file"] for passage in everything["passages"]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        "query",
        {"query": ""},
        {"query": " \n"},
        {"query": 7},
        {"query": None},
        {"query": "x" * 20_001},
        {"query": QUERY, "k": 0},
        {"query": QUERY, "k": 51},
        {"query": QUERY, "k": "3"},
        {"query": QUERY, "k": True},
        {"query": QUERY, "k": 1.5},
        {"query": QUERY, "collection": 7},
    ],
)
async def test_it_refuses_a_body_that_is_wrong(search: Search, body: object) -> None:
    answer = await search(body)
    assert answer.status == 422
    error = (await answer.json())["error"]
    assert error["code"] == "invalid_input"
    assert error["message"]
    assert error["hint"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 5000, b"query=pump"])
async def test_it_refuses_what_is_not_json(search: Search, content: bytes) -> None:
    answer = await search(data=content)
    assert answer.status == 422
    assert (await answer.json())["error"]["code"] == "invalid_input"


async def test_a_query_of_ten_kilobytes_and_odd_characters_is_answered(search: Search) -> None:
    for query in (QUERY + " More, please." * 700, QUERY + "\x00\ud83d'\"\\"):
        assert (await search({"query": query})).status == 200


async def test_it_needs_a_key(search: Search, visit: Visit) -> None:
    del search
    answer = await (await visit()).client.post("/api/search", json={"query": QUERY})
    assert answer.status == 401
    assert (await answer.json())["error"]["code"] == "key_required"


async def test_a_key_without_the_scope_is_refused(
    visit: Visit, alice: Account, chat_database: Database
) -> None:
    keys = ApiKeys(chat_database, SystemClock())
    _, secret = await keys.create(alice, alice, "chat", [Scope.CHAT], 1)
    answer = await (await visit()).client.post(
        "/api/search",
        json={"query": QUERY},
        headers={"Authorization": f"Bearer {secret.text}"},
    )
    assert answer.status == 403
    assert (await answer.json())["error"]["code"] == "scope_missing"
