# ruff: noqa: RUF001 - text of many scripts is what is tested
from __future__ import annotations

import pytest

from appliance.ingest.errors import NotTextError
from appliance.ingest.extract.encoding import WINDOWS_NOTE, decode
from appliance.ingest.extract.outline import Outline, read_html, read_markdown, read_text
from appliance.ingest.extract.rows import read_csv
from tests.builders.documents import LOREM


def _html(body: str) -> str:
    return "\n".join(page.text for page in read_html(body.encode()).pages)


def _headings(outline: Outline) -> list[tuple[int, str]]:
    return [
        (heading.level, heading.title)
        for page in outline.pages
        for heading in page.headings
        if page.text[heading.offset :].startswith(heading.title[:3])
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("utf-8-sig"), "Grüße"),
        (b"\xff\xfe" + "Grüße".encode("utf-16-le"), "Grüße"),
        (b"\xfe\xff" + "Grüße".encode("utf-16-be"), "Grüße"),
    ],
)
def test_it_reads_unicode_with_and_without_a_mark(content: bytes, expected: str) -> None:
    assert decode(content) == (expected, None)


def test_invalid_utf8_that_is_windows_text_is_read_and_noted() -> None:
    assert decode("Ein Café – schön".encode("cp1252")) == ("Ein Café – schön", WINDOWS_NOTE)


@pytest.mark.parametrize(
    ("content", "position"),
    [
        (b"abc\x00def", 4),
        (b"text \x81\x8d\x8f more text", 6),
        (bytes(range(128, 256)) * 4, 1),
        (b"ok \xff\x01\x02", 4),
        (b"\xff\xfea\x00\x00\xd8", 5),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_their_place(content: bytes, position: int) -> None:
    with pytest.raises(NotTextError, match=f"byte {position} "):
        decode(content)


def test_a_declared_encoding_is_believed_when_the_bytes_are_not_utf8() -> None:
    page = '<meta charset="iso-8859-2"><p>Łódź</p>'.encode("iso-8859-2")
    assert next(read_html(page).pages).text == "Łódź"
    unknown = '<meta charset="hex"><p>Café</p>'.encode("cp1252")
    assert next(read_html(unknown).pages).note == WINDOWS_NOTE


def test_html_gives_text_without_scripts_styles_and_navigation() -> None:
    body = (
        "<head><title>T</title><style>p{}</style></head><nav>Home <nav>deep</nav></nav>"
        "<script>if (a < b) '<p>no</p>'</script><p>One &amp; two</p><template>no</template>"
        "<!-- no --><svg><title>no</title></svg><p>Thr<b>ee</b>, four</p>"
    )
    assert _html(body) == "One & two\n\nThree, four"


def test_html_keeps_lists_tables_lines_and_preformatted_text() -> None:
    body = (
        "<ul><li><p>one</p><li>two<ul><li>three</li></ul></ul>"
        "<table><tr><th>Name</th><th>City</th></tr>"
        "<tr><td><p>Ann</p></td><td>Paris</td></tr></table>"
        "a<br>b<pre>  x\n    y</pre>"
    )
    assert _html(body) == (
        "- one\n- two\n- three\n\nName | City\nAnn | Paris\n\na\nb\n\n  x\n    y"
    )


def test_html_has_a_title_and_headings_at_their_places() -> None:
    page = b"<title> The\n title </title><h1>Main <i>part</i></h1><p>x</p><h3>Sub</h3><h2></h2>"
    assert read_html(page).title == "The title"
    assert _headings(read_html(page)) == [(1, "Main part"), (3, "Sub")]


def test_html_without_a_title_takes_the_first_heading() -> None:
    assert read_html(b"<h2>Small</h2><h1>Large</h1>").title == "Large"


@pytest.mark.parametrize(
    "body", ["<p>open <b>never <table><td>closed", "</p></nav></ul>text", "<", "<p", "<nav>only"]
)
def test_broken_html_is_read_as_far_as_it_goes(body: str) -> None:
    _html(body)


def test_markdown_headings_of_both_kinds_are_found_outside_of_code() -> None:
    content = (
        "Big *title*\n===\n\ntext\n\n- item\n---\n\n## Sub [link](http://x) ##\n\n"
        "```\n# comment\n```\n\nSecond\n---\n\n####### seven\n#hashtag\n### `code` of __it__\n"
    )
    outline = read_markdown(content.encode())
    assert outline.title == "Big title"
    found = [(heading.level, heading.title) for heading in next(outline.pages).headings]
    assert found == [(1, "Big title"), (2, "Sub link"), (2, "Second"), (3, "code of it")]


def test_markdown_front_matter_gives_the_title_and_is_no_text() -> None:
    outline = read_markdown(b'---\ntitle: "Front"\nkey: value\n---\n# Other\n')
    assert outline.title == "Front"
    assert next(outline.pages).text == "# Other"


def test_long_text_becomes_parts_that_lose_nothing() -> None:
    text = "\n\n".join(f"{number}. {LOREM}" for number in range(100))
    pages = list(read_text(text.encode()).pages)
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    assert pages[1].label == "part 2"
    assert all(1000 < len(page.text) <= 4000 for page in pages)
    assert "".join("".join(page.text for page in pages).split()) == "".join(text.split())


def test_headings_move_to_the_part_that_they_stand_in() -> None:
    text = "".join(f"# Part {number}\n\n{LOREM * 8}\n\n" for number in range(8))
    pages = list(read_markdown(text.encode()).pages)
    assert len(pages) > 3
    for page in pages:
        for heading in page.headings:
            assert page.text[heading.offset :].startswith(f"# {heading.title}")


def test_every_row_of_a_table_names_its_columns() -> None:
    page = next(read_csv('Name;City;Note\nAnn;Paris;"a; b\nc"\n;;\nBob;Köln;\n'.encode()).pages)
    assert page.text == "Name: Ann; City: Paris; Note: a; b c\n\nName: Bob; City: Köln"
    assert page.label == "rows 1–2"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_it_finds_the_delimiter(delimiter: str) -> None:
    content = "\n".join(
        delimiter.join(row) for row in (("Name", "Age"), ("Ann", "41"), ("Bo", "7"))
    )
    assert next(read_csv(content.encode()).pages).text == "Name: Ann; Age: 41\n\nName: Bo; Age: 7"


def test_a_table_without_names_keeps_its_first_row() -> None:
    assert next(read_csv(b"Ann,41\nBob,7\n").pages).text == "Ann; 41\n\nBob; 7"


def test_a_table_of_names_alone_is_not_lost() -> None:
    assert next(read_csv(b"Name,City\n").pages).text == "Name; City"


def test_many_rows_become_pages_with_their_row_numbers() -> None:
    content = "Name,Remark\n" + "".join(f"n{number},{LOREM}\n" for number in range(100))
    pages = list(read_csv(content.encode()).pages)
    assert pages[0].label is not None
    assert pages[0].label.startswith("rows 1–")
    assert pages[-1].label is not None
    assert pages[-1].label.endswith("–100")
    assert sum(page.text.count("Name: ") for page in pages) == 100
