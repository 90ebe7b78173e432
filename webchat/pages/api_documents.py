"""Documents for programs: /api/documents."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import BodyPartReader, web

from appliance.accounts.guard import holder
from appliance.core.errors import InvalidInputError
from appliance.library.errors import NoFileError
from appliance.library.model import PRIVATE_NAME, Document, LedgerRow, Uploaded
from appliance.library.page_state import PageState
from appliance.library.service import LibraryService
from appliance.web.paths import identifier, whole_number
from webchat import keys
from webchat.pages.uploads import declared_size, field, file_name, parts, pieces

_MOST = 1000


async def upload(request: web.Request) -> web.Response:
    """POST /api/documents: multipart `file`, optional `collection` (id or name).

    202 `{"id", "status", "duplicate"}`; 200 with the same id when the collection has the file
    already. Without `collection` the file goes to the key owner's own documents, which only the
    owner can read: to share it, name “Shared library”.
    """
    library = request.app[keys.LIBRARY]
    uploaded, collection = None, None
    form = parts(request)
    async for part in form:
        match part.name:
            case "collection":
                collection = await field(part)
            case "file":
                uploaded = await _receive(request, library, part, collection, form)
                break
            case _:
                pass
    if uploaded is None:
        raise NoFileError
    answer = _short(uploaded.document) | {"duplicate": uploaded.duplicate}
    return web.json_response(answer, status=200 if uploaded.duplicate else 202)


async def documents(request: web.Request) -> web.Response:
    """GET /api/documents?collection=&limit=&offset=: newest first."""
    actor = holder(request).account
    library = request.app[keys.LIBRARY]
    wanted = request.query.get("collection")
    collection = (await library.collection(actor, wanted)).id if wanted else None
    found = await library.documents(
        actor,
        collection,
        limit=_number(request, "limit", 100),
        offset=_number(request, "offset", 0),
    )
    total = await library.count(actor, collection)
    usage = await request.app[keys.QUOTAS].usage(actor)
    return web.json_response(
        {
            "documents": [_short(one) for one in found],
            "total": total,
            "storage": {"used": usage.used, "limit": usage.limit},
        }
    )


async def document(request: web.Request) -> web.Response:
    """GET /api/documents/{id}: status, pages, error."""
    actor = holder(request).account
    library = request.app[keys.LIBRARY]
    found = await library.document(actor, identifier(request))
    ledger = await library.ledger(actor, found.id)
    return web.json_response(_short(found) | {"pages": _pages(found, ledger)})


async def delete(request: web.Request) -> web.Response:
    """DELETE /api/documents/{id}: 204."""
    library = request.app[keys.LIBRARY]
    await library.delete(holder(request).account, identifier(request))
    return web.Response(status=204)


async def _receive(
    request: web.Request,
    library: LibraryService,
    part: BodyPartReader,
    collection: str | None,
    form: AsyncIterator[BodyPartReader],
) -> Uploaded:
    """Receive the file, then read a collection field that follows it."""
    actor, by = holder(request).account, holder(request).actor
    if collection is not None:
        # Before a long upload, not after it.
        await library.collection(actor, collection)
    async with library.receive(actor, pieces(part), declared_size(request)) as incoming:
        async for later in form:
            if later.name == "collection":
                collection = await field(later)
        target = await library.collection(actor, collection or PRIVATE_NAME)
        return await library.add(actor, target.id, file_name(part), incoming, by=by)


def _short(found: Document) -> dict[str, object]:
    fault = found.fault
    return {
        "id": str(found.id),
        "status": str(found.state),
        "file": found.file_name,
        "collection": found.collection,
        "size": found.size,
        "title": found.title,
        "created_at": found.created_at.isoformat(),
        "ready_at": found.ready_at.isoformat() if found.ready_at else None,
        "error": fault and {"code": fault.code, "message": fault.message, "hint": fault.hint},
    }


def _pages(found: Document, ledger: list[LedgerRow]) -> dict[str, object]:
    states = [row.state for row in ledger]
    return {
        "count": found.page_count,
        **{str(state): states.count(state) for state in PageState},
        "notes": [
            {"page": row.number, "state": str(row.state), "note": row.note}
            for row in ledger
            if row.note
        ],
    }


def _number(request: web.Request, name: str, usual: int) -> int:
    value = whole_number(request.query.get(name, str(usual)))
    if value is None:
        raise InvalidInputError(
            problem=f"“{name}” is not a number of documents.", remedy="Send a whole number."
        )
    return min(value, _MOST) if name == "limit" else value
