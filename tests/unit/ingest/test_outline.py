# ruff: noqa: RUF001 - text of many scripts is what is tested
from __future__ import annotations

import pytest

from appliance.ingest.errors import NotTextError, UnknownEncodingError
from appliance.ingest.extract.encoding import WINDOWS_NOTE, decode
from appliance.ingest.extract.lists import numeral
from appliance.ingest.extract.outline import read_html, read_markdown, read_text
from appliance.ingest.extract.page import Outline
from appliance.ingest.extract.rows import read_csv
from appliance.library.errors import DocumentError
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
    ("content", "expected", "words"),
    [
        (b"abc\x00def", NotTextError, "byte 4 is a control character"),
        (b"ok\x01\x02", NotTextError, "byte 3 is a control character"),
        (b"text \x81\x8d\x8f more text", UnknownEncodingError, "byte 6 is not valid UTF-8"),
        (bytes(range(128, 256)) * 4, UnknownEncodingError, "byte 1 is not valid UTF-8"),
        (b"ok \xff\x01\x02", UnknownEncodingError, "byte 4 is not valid UTF-8"),
        (b"\xff\xfea\x00\x00\xd8", UnknownEncodingError, "byte 5 is not valid UTF-16"),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_their_place(
    content: bytes, expected: type[DocumentError], words: str
) -> None:
    with pytest.raises(expected, match=words):
        decode(content)


def test_a_declared_encoding_is_believed_when_the_bytes_are_not_utf8() -> None:
    page = '<meta charset="iso-8859-2"><p>Łódź</p>'.encode("iso-8859-2")
    assert next(read_html(page).pages).text == "Łódź"
    western = '<meta charset="iso-8859-1"><p>“5 €” – yes</p>'.encode("cp1252")
    assert next(read_html(western).pages).text == "“5 €” – yes"
    control = '<meta charset="iso-8859-1"><p>caf\xe9 \x81</p>'.encode("latin-1")
    assert next(read_html(control).pages).text == "café"
    chinese = '<meta charset="gb2312"><p>朱镕基</p>'.encode("gbk")
    assert next(read_html(chinese).pages).text == "朱镕基"
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


def test_numbered_lists_keep_their_numbers() -> None:
    body = (
        "<ol><li>Scope<li>Price<ol type=a><li>net<li>gross</ol><li value=7>Term</ol>"
        "<ul><li>plain</ul><ol start=4><li>Notice</li><li>Law</li></ol>"
        "<ol type=I start=9><li>Annex</ol><li>stray"
    )
    assert _html(body) == (
        "1. Scope\n2. Price\na. net\nb. gross\n7. Term\n\n- plain\n\n4. Notice\n5. Law\n\n"
        "IX. Annex\n\n- stray"
    )


@pytest.mark.parametrize(
    ("number", "kind", "expected"),
    [
        (3, "1", "3"),
        (27, "a", "aa"),
        (52, "A", "AZ"),
        (0, "a", "0"),
        (14, "i", "xiv"),
        (1994, "I", "MCMXCIV"),
        (4000, "i", "4000"),
        (-1, "1", "-1"),
    ],
)
def test_numbers_are_written_in_every_kind(number: int, kind: str, expected: str) -> None:
    assert numeral(number, kind) == expected


def test_preformatted_lines_stay_apart_whatever_they_are_wrapped_in() -> None:
    spans = (
        "<pre>\n<span>one</span>\n  <span>t</span><span>wo</span>\n<span>three\n</span>four</pre>"
    )
    assert _html(spans) == "one\n  two\nthree\nfour"
    assert _html("<pre><div>one</div><div>two</div>three<br>four") == "one\ntwo\nthree\nfour"
    assert _html("<pre>one\ntwo<h2>Sub</h2><p>text</p>") == "one\ntwo\n\nSub\n\ntext"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<nav>menu<div>text</div><p>more</p>", "menu\n\ntext\n\nmore"),
        ("<nav>menu<h1>Title</h1>text<nav>foot</nav>", "Title\n\ntext"),
        ("<button>ok<p>text</p><button>no</button>", "text"),
        ("<button>a<button>b</button>text", "text"),
        ("<nav><button>x<ul><li>menu</ul></nav>text<button>y</button>", "text"),
        ("<svg/><p>text</p><svg><text>no</text></svg>", "text"),
        ("<p>text</p><script>var rest = 1;", "text"),
    ],
)
def test_what_is_skipped_and_never_closed_does_not_take_the_rest_with_it(
    body: str, expected: str
) -> None:
    assert _html(body) == expected


def test_html_joins_lines_of_chinese_without_a_space() -> None:
    assert _html("<p>在北\n京市。\n第二 page\nof 3</p>") == "在北京市。第二 page of 3"


def test_html_has_a_title_and_headings_at_their_places() -> None:
    page = b"<title> The\n title </title><h1>Main <i>part</i></h1><p>x</p><h3>Sub</h3><h2></h2>"
    assert read_html(page).facts.title == "The title"
    assert _headings(read_html(page)) == [(1, "Main part"), (3, "Sub")]


def test_html_without_a_title_takes_the_first_heading() -> None:
    assert read_html(b"<h2>Small</h2><h1>Large</h1>").facts.title == "Large"


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
    assert outline.facts.title == "Big title"
    found = [(heading.level, heading.title) for heading in next(outline.pages).headings]
    assert found == [(1, "Big title"), (2, "Sub link"), (2, "Second"), (3, "code of it")]


def test_markdown_front_matter_gives_the_title_and_stays_to_be_found() -> None:
    front = '---\ntitle: "Front"\nauthor: Ann Lee\ntags:\n- pumps\n  - valves\n# note\n---\n'
    outline = read_markdown(f"{front}# Other\n\nSub\n---\n".encode())
    assert outline.facts.title == "Front"
    page = next(outline.pages)
    assert page.text == f"{front}# Other\n\nSub\n---"
    assert [heading.title for heading in page.headings] == ["Other", "Sub"]
    assert [page.text[heading.offset :][:2] for heading in page.headings] == ["# ", "Su"]


def test_a_rule_at_the_beginning_of_markdown_takes_no_text_with_it() -> None:
    text = "---\n\nThe deadline is the 3rd of May.\n\n---\n\nThe rest."
    outline = read_markdown(text.encode())
    assert outline.facts.title is None
    assert next(outline.pages).text == text


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


@pytest.mark.parametrize("said", ["sep=;", '"sep=;"', "SEP=;"])
def test_a_delimiter_that_the_table_says_is_taken_and_is_no_row(said: str) -> None:
    content = f"{said}\r\nName;City, Country\r\nAnn;Paris, France\r\n"
    page = next(read_csv(content.encode()).pages)
    assert (page.text, page.label) == ("Name: Ann; City, Country: Paris, France", "row 1")


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
