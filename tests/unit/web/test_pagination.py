"""A list is shown page by page, whatever page is asked for."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from appliance.web.pagination import ListPage, requested_page


@pytest.mark.parametrize(
    ("query", "count", "expected"),
    [
        ("", 0, ListPage(1, 1, 50)),
        ("", 50, ListPage(1, 1, 50)),
        ("", 51, ListPage(1, 2, 50)),
        ("?page=2", 101, ListPage(2, 3, 50)),
        ("?page=9", 101, ListPage(3, 3, 50)),
        ("?page=0", 101, ListPage(1, 3, 50)),
        ("?page=-1", 101, ListPage(1, 3, 50)),
        ("?page=two", 101, ListPage(1, 3, 50)),
    ],
)
def test_it_is_the_nearest_page_that_exists(query: str, count: int, expected: ListPage) -> None:
    assert requested_page(make_mocked_request("GET", f"/{query}"), count, 50) == expected


def test_entries_of_earlier_pages_are_skipped() -> None:
    assert [ListPage(number, 3, 50).offset for number in (1, 2, 3)] == [0, 50, 100]
