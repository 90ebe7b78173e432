"""Files as they arrive in a request: part after part, never all in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http import HttpProcessingError

from appliance.core.errors import InvalidInputError
from appliance.ingest.errors import UploadBrokenOffError

_PIECE = 64 * 1024
_LONGEST_FIELD = 4096
# The reader asserts where the body ends before the form does.
_BROKEN = (
    AssertionError,
    ValueError,
    ConnectionError,
    web.RequestPayloadError,
    HttpProcessingError,
)


async def parts(request: web.Request) -> AsyncIterator[BodyPartReader]:
    """Yield the parts of a form; what was not read of one is skipped.

    Raises InvalidInputError for another kind of body, UploadBrokenOffError for half a body.
    """
    if request.content_type != "multipart/form-data":
        raise InvalidInputError(
            problem="The file did not come as part of a form.",
            remedy="Send multipart/form-data with the file in the field “file”.",
        )
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if isinstance(part, MultipartReader):
                await part.release()
            else:
                yield part
    except _BROKEN as error:
        raise UploadBrokenOffError from error


async def pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    """Yield the content of a part as it comes. Raises UploadBrokenOffError if it ends early."""
    try:
        while not part.at_eof():
            if piece := await part.read_chunk(_PIECE):
                yield piece
    except _BROKEN as error:
        raise UploadBrokenOffError from error


def file_name(part: BodyPartReader) -> str:
    """Return the name of the file as the person sees it: browsers write its quotes as %22."""
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
