"""What stands before each part of a form: read with a bound, and in no codec that it names."""

from __future__ import annotations

import re

from aiohttp import StreamReader
from aiohttp.http import HttpProcessingError

from appliance.library.errors import PartHeadError

# A name of 255 characters, each as %XX of up to four bytes, fits twice.
LONGEST_HEAD = 8 * 1024
# What a line takes in memory beside its letters: a thousand short lines are a long head as well.
_LINE = 64
# A parameter in pieces (`filename*0`), or in another encoding than UTF-8 (`filename*=punycode'`).
_FOREIGN = re.compile(rb";\s*[^\s;=\"*]*\*(?!\s*=\s*utf-8')[^\s;=\"]*\s*=", re.IGNORECASE)


class PartHeads:
    """The body of a request for aiohttp's MultipartReader, which bounds no head of a part.

    It reads heads line by line, and nothing else but single lines around them. Each of these
    raises PartHeadError for a head that is too long, or that makes its reader use a codec of the
    sender's choice: some take seconds for a name.
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
