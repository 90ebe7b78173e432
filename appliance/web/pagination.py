"""Long lists in parts, one page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from appliance.web.paths import whole_number

if TYPE_CHECKING:
    from aiohttp import web


@dataclass(frozen=True, slots=True)
class ListPage:
    """Page `number` of `last` of a list, with `size` entries on each page."""

    number: int
    last: int
    size: int

    @property
    def offset(self) -> int:
        """How many entries come before this page."""
        return (self.number - 1) * self.size


def requested_page(request: web.Request, count: int, size: int) -> ListPage:
    """Return the page that `?page=` asks for; the nearest one if there is no such page."""
    last = max(1, -(-count // size))
    number = whole_number(request.query.get("page", "")) or 1
    return ListPage(max(1, min(number, last)), last, size)
