"""Read the files of a request part by part, without holding a whole file in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

from aiohttp import BodyPartReader, MultipartReader, StreamReader, hdrs, web
from aiohttp.http import HttpProcessingError

from appliance.core.errors import InvalidInputError
from appliance.library.errors import TooManyPartsError, UploadBrokenOffError
from webchat.pages.part_heads import PartHeads

MOST_PARTS = 1000

_PIECE = 64 * 1024
_LONGEST_FIELD = 4096
# The heads of the parts and the other fields of a form, generously.
_MOST_OVERHEAD = 64 * 1024
# aiohttp's reader fails an assertion if the body ends before the form does.
_BROKEN = (
    AssertionError,
    ValueError,
    RuntimeError,
    ConnectionError,
    web.RequestPayloadError,
    HttpProcessingError,
)


async def parts(request: web.Request) -> AsyncIterator[BodyPartReader]:
    """Yield the parts of a form; the unread rest of a part is skipped.

    Raises InvalidInputError for another kind of body, UploadBrokenOffError for half a body, and
    FormCutShortError where it stops reading the form: the parts before that are valid.
    """
    if not request.headers.get(hdrs.CONTENT_TYPE, "").lower().startswith("multipart/form-data"):
        raise InvalidInputError(
            problem="The file did not come as part of a form.",
            remedy="Send multipart/form-data with the file in the field “file”.",
        )
    heads, count = PartHeads(request.content), 0
    try:
        reader = MultipartReader(request.headers, cast("StreamReader", heads))
        while (part := await reader.next()) is not None:
            count += 1
            if count > MOST_PARTS:
                raise TooManyPartsError(most=MOST_PARTS)
            if isinstance(part, MultipartReader):
                await part.release()
            else:
                yield part
            heads.next_part()
    except _BROKEN as error:
        raise UploadBrokenOffError from error


async def pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    """Yield the content of a part as it arrives. Raises UploadBrokenOffError if it ends early."""
    try:
        while not part.at_eof():
            if piece := await part.read_chunk(_PIECE):
                yield piece
    except _BROKEN as error:
        raise UploadBrokenOffError from error


def declared_size(request: web.Request) -> int:
    """Return how large the files of a form are at least, as far as its sender declares it."""
    return max(0, (request.content_length or 0) - _MOST_OVERHEAD)


def file_name(part: BodyPartReader) -> str:
    """Return the file's name as the person sees it: browsers encode its quotes as %22."""
    return (part.filename or "").replace("%22", '"')


async def field(part: BodyPartReader) -> str:
    """Return the value of a short field. Raises InvalidInputError for a long one."""
    value = b""
    async for piece in pieces(part):
        value += piece
        if len(value) > _LONGEST_FIELD:
            raise InvalidInputError(
                problem=f"The field “{part.name}” is too long.", remedy="Send a shorter value."
            )
    return value.decode("utf-8", "replace")
