"""Documents over the API: upload, status, list, delete, and every refusal with its code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import pytest
from aiohttp import ClientResponse, FormData, web
from aiohttp.test_utils import TestClient, TestServer

from appliance.accounts.keys import ApiKeys
from appliance.accounts.model import Account, Scope
from appliance.core.clock import SystemClock
from appliance.db.pool import Database
from tests.builders.library import Shelf

TEXT = b"The pump was inspected in March."
Client = TestClient[web.Request, web.Application]
Key = Callable[[Account, Scope], Awaitable[dict[str, str]]]


@pytest.fixture
def key(chat_database: Database) -> Key:
    """Make the header that presents a new key."""

    async def make(account: Account, scope: Scope = Scope.DOCUMENTS) -> dict[str, str]:
        _, secret = await ApiKeys(chat_database, SystemClock()).create(
            account, account, "k", [scope], 1
        )
        return {"Authorization": f"Bearer {secret.text}"}

    return make


@pytest.fixture
async def client(
    site: TestServer,
) -> AsyncIterator[Client]:
    async with TestClient(site) as client:
        yield client


@pytest.fixture
async def as_alice_key(alice: Account, key: Key) -> dict[str, str]:
    return await key(alice, Scope.DOCUMENTS)


async def _send(
    client: Client,
    headers: dict[str, str],
    name: str = "a.txt",
    content: bytes = TEXT,
    *,
    before: str | None = None,
    after: str | None = None,
) -> ClientResponse:
    """Upload, with the collection before or after the file."""
    form = FormData()
    if before:
        form.add_field("collection", before)
    form.add_field("file", content, filename=name)
    if after:
        form.add_field("collection", after)
    return await client.post("/api/documents", data=form, headers=headers)


async def test_an_upload_is_accepted_read_and_reported(
    client: Client, as_alice_key: dict[str, str], alice: Account, books: Shelf, reading: None
) -> None:
    answer = await _send(client, as_alice_key)
    accepted = await answer.json()
    assert answer.status == 202
    assert (accepted["status"], accepted["collection"]) == ("queued", "My documents")
    [document] = await books.service.documents(alice)
    await books.finished(alice, document.id)
    body = await (await client.get(f"/api/documents/{accepted['id']}", headers=as_alice_key)).json()
    assert (body["status"], body["error"]) == ("ready", None)
    assert body["pages"] == {"count": 1, "read": 1, "empty": 0, "failed": 0, "notes": []}


async def test_the_same_file_again_is_the_same_document(
    client: Client, as_alice_key: dict[str, str]
) -> None:
    first = await (await _send(client, as_alice_key)).json()
    answer = await _send(client, as_alice_key, "b.txt")
    second = await answer.json()
    assert answer.status == 200
    assert (second["id"], second["duplicate"]) == (first["id"], True)


@pytest.mark.parametrize("place", ["before", "after"])
async def test_a_collection_is_named_before_or_after_the_file(
    client: Client, as_alice_key: dict[str, str], alice: Account, books: Shelf, place: str
) -> None:
    answer = await _send(client, as_alice_key, **{place: "Shared library"})  # type: ignore[arg-type]
    assert answer.status == 202
    [document] = await books.service.documents(alice)
    assert document.is_shared


@pytest.mark.parametrize("place", ["before", "after"])
async def test_an_unknown_collection_stores_nothing(
    client: Client, as_alice_key: dict[str, str], bob: Account, books: Shelf, place: str
) -> None:
    for name in ("Nowhere", str(await books.own(bob))):
        answer = await _send(client, as_alice_key, **{place: name})  # type: ignore[arg-type]
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "not_found"
    assert books.files() == []


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [(b"", 422, "empty_file"), (b"x" * 200_001, 413, "too_large")],
)
async def test_a_file_that_is_refused_has_a_code(
    client: Client,
    as_alice_key: dict[str, str],
    books: Shelf,
    content: bytes,
    status: int,
    code: str,
) -> None:
    answer = await _send(client, as_alice_key, content=content)
    error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == (status, code)
    assert error["message"]
    assert error["hint"]
    assert books.files() == []


async def test_a_body_that_is_no_form_or_has_no_file_is_refused(
    client: Client, as_alice_key: dict[str, str]
) -> None:
    answer = await client.post("/api/documents", json={}, headers=as_alice_key)
    assert (answer.status, (await answer.json())["error"]["code"]) == (422, "invalid_input")
    form = FormData({"collection": "Shared library"}, default_to_multipart=True)
    answer = await client.post("/api/documents", data=form, headers=as_alice_key)
    assert (answer.status, (await answer.json())["error"]["code"]) == (422, "no_file")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ('Content-Disposition: form-data; name="file"; filename="a\0.txt"', "upload_broken_off"),
        ("X: 1\r\n" * 20_000, "file_name_not_understood"),
    ],
)
async def test_a_part_with_broken_headers_is_refused(
    client: Client, as_alice_key: dict[str, str], books: Shelf, header: str, code: str
) -> None:
    body = f"--a\r\n{header}\r\n\r\nhello\r\n--a--\r\n".encode()
    headers = as_alice_key | {"Content-Type": "multipart/form-data; boundary=a"}
    answer = await client.post("/api/documents", data=body, headers=headers)
    assert (answer.status, (await answer.json())["error"]["code"]) == (400, code)
    assert books.files() == []


async def test_an_unreadable_document_says_why(
    client: Client, as_alice_key: dict[str, str], alice: Account, books: Shelf, reading: None
) -> None:
    accepted = await (await _send(client, as_alice_key, "a.exe")).json()
    [document] = await books.service.documents(alice)
    await books.finished(alice, document.id)
    body = await (await client.get(f"/api/documents/{accepted['id']}", headers=as_alice_key)).json()
    assert body["status"] == "failed"
    assert body["error"]["code"] == "unsupported_type"


async def test_documents_are_listed_by_collection_and_in_parts(
    client: Client, as_alice_key: dict[str, str], alice: Account, books: Shelf
) -> None:
    for number in range(3):
        await books.upload(alice, f"{number}.txt", f"text {number}")
    await books.upload(alice, "mine.txt", "mine", await books.own(alice))
    listed = await (await client.get("/api/documents", headers=as_alice_key)).json()
    assert listed["total"] == len(listed["documents"]) == 4
    path = "/api/documents?collection=Shared+library&limit=1&offset=1"
    listed = await (await client.get(path, headers=as_alice_key)).json()
    assert [one["file"] for one in listed["documents"]] == ["1.txt"]
    assert listed["total"] == 3
    answer = await client.get("/api/documents?limit=x", headers=as_alice_key)
    assert answer.status == 422


async def test_a_document_is_deleted_by_who_may(
    client: Client,
    as_alice_key: dict[str, str],
    alice: Account,
    bob: Account,
    key: Key,
    books: Shelf,
) -> None:
    shared = (await books.upload(alice, "a.txt", TEXT)).document
    private = (await books.upload(alice, "a.txt", TEXT, await books.own(alice))).document
    bobs = await key(bob, Scope.DOCUMENTS)
    for document, status in ((shared, 403), (private, 404)):
        answer = await client.delete(f"/api/documents/{document.id}", headers=bobs)
        assert answer.status == status
        answer = await client.delete(f"/api/documents/{document.id}", headers=as_alice_key)
        assert answer.status == 204
    answer = await client.get(f"/api/documents/{shared.id}", headers=as_alice_key)
    assert answer.status == 404


async def test_a_key_of_another_scope_or_none_opens_nothing(
    client: Client, alice: Account, key: Key
) -> None:
    wrong = await key(alice, Scope.CHAT)
    for method, path in (
        ("GET", "/api/documents"),
        ("POST", "/api/documents"),
        ("GET", f"/api/documents/{uuid4()}"),
        ("DELETE", f"/api/documents/{uuid4()}"),
    ):
        assert (await client.request(method, path)).status == 401
        assert (await client.request(method, path, headers=wrong)).status == 403


@pytest.mark.parametrize("path", ["/api/documents/not-an-id", "/api/no-such-thing"])
async def test_a_wrong_address_is_explained_to_a_program(
    client: Client, as_alice_key: dict[str, str], path: str
) -> None:
    answer = await client.get(path, headers=as_alice_key)
    assert answer.status == 404
    error = (await answer.json())["error"]
    assert error["message"] == "There is no such address."
    assert "API reference" in error["hint"]
