"""The headers of each part of a form: bounded in length, and decoded as UTF-8 only."""

from __future__ import annotations

import re

from aiohttp import StreamReader
from aiohttp.http import HttpProcessingError

from appliance.library.errors import PartHeadError

# A name of 255 characters, each as %XX of up to four bytes, fits twice.
LONGEST_HEAD = 8 * 1024
# The memory overhead of a line: a thousand short lines are a long head as well.
_LINE = 64
# A parameter in pieces (`filename*0`), or in another encoding than UTF-8 (`filename*=punycode'`).
_FOREIGN = re.compile(rb";\s*[^\s;=\"*]*\*(?!\s*=\s*utf-8')[^\s;=\"]*\s*=", re.IGNORECASE)


class PartHeads:
    """The body of a request for aiohttp's MultipartReader, which does not limit the head of a part.

    The reader calls `readline` for heads and for the lines around them only. It raises
    PartHeadError for a head that is too long, or that selects a codec of the sender's choice: some
    codecs need seconds for a name.
    """

    def __init__(self, body: StreamReader) -> None:
        self._body = body
        self._room = LONGEST_HEAD

    def next_part(self) -> None:
        """Allow another head."""
        self._room = LONGEST_HEAD

    async def readline(self, **limits: int) -> bytes:
        """Return a line of the body."""
        try:
            line = await self._body.readline(**limits)
        except (ValueError, HttpProcessingError) as error:
            raise PartHeadError from error
        self._room -= len(line) + _LINE
        if self._room < 0 or _FOREIGN.search(line):
            raise PartHeadError
        return line

    async def read(self, size: int) -> bytes:
        """Return a piece of a part's content."""
        return await self._body.read(size)

    def unread_data(self, data: bytes) -> None:
        """Put back what belongs to the next part."""
        self._body.unread_data(data)

    def at_eof(self) -> bool:
        """Say whether the body has ended."""
        return self._body.at_eof()
