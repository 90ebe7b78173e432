"""No text that a person can send keeps an event loop, at its largest size and in a hostile shape.

The table names each function that reads a person's text on an event loop, with the largest text
that reaches it. Processor time is measured, the best of some runs: other programs on the machine
do not count. What takes longer belongs into a process of its own, as Markdown does.
"""

from __future__ import annotations

import ast
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.accounts.names import checked_name, normal_name
from appliance.accounts.secrets import checked_password, code_digest, digest
from appliance.answering import prompt
from appliance.answering.budget import tokens_in
from appliance.answering.citations import CitationFilter, strip_citations
from appliance.answering.live_answer import LONGEST_ANSWER
from appliance.answering.model import NumberedPassage
from appliance.answering.quote import quote, unescape
from appliance.answering.reasoning_filter import ReasoningFilter
from appliance.answering.sentences import sentences, shortened
from appliance.conversations.model import QUESTION_LIMIT, title_of
from appliance.conversations.service import checked_question
from appliance.core.errors import ApplianceError
from appliance.core.text import is_storable, normalized, storable
from appliance.library.names import clean
from appliance.retrieval.deduplication import deduplicate
from appliance.retrieval.merging import LONGEST as LONGEST_PASSAGE
from appliance.retrieval.question import read_question
from appliance.text.anaphora import references_back
from appliance.text.keywords import keywords, word_count
from appliance.text.language import detect
from appliance.text.scripts import separator, without_breaks
from appliance.text.words import all_words, question_language, question_words, search_text
from appliance.tls.material import LARGEST, read_material
from appliance.tls.names import address_of, canonical, canonical_pattern, covers, nearly_covers
from appliance.web import markdown
from appliance.web.forms import LARGEST_FORM, Form, decoded
from appliance.web.json_body import json_object
from appliance.web.markdown_limits import LARGEST_HTML, LONGEST_TEXT
from appliance.web.multipart import parts_of
from appliance.web.paths import is_local_path, whole_number
from tests.builders.answers import passage
from webchat.pages.api_chat_body import LARGEST_BODY, read_chat_request, read_embedding_request
from webchat.pages.api_search import LONGEST_QUERY
from webchat.pages.document import attachment, marked_text

ROOT = Path(__file__).parents[3]
MOST_SECONDS = 0.05
# Repeated until the text is as long as it may be.
SHAPES = (
    *("a", "word ", "\ufdfa", "\u6f22", "\ud55c. ", "\u200b", "\u8bf7"),
    *("a\u0301\u0334", "\u0334\u0301", "\u5b57\n", "a. ", "1. ", "1,", "!", "\u3002", "\n"),
    *(" ", "\t", "\n ", "\r\n", "It is that he said dabei ", "dabei ", "no that ", "is there "),
    *("\u662f\u5426 ", "[", "[1]", "[1,", "\u30101", "[passages ", "`", "``` ", "|", "|-", "<"),
    *("< /", "</passages", "<|", "<think>", "*a ", "**a", "_a", "> ", "- a\n", "#", "~~", "!["),
    *("[a](", "\\", "&amp;", "\"'", "(", "\ud800", "\0", "/", "a=", "%EF%B7%BA", "+", "&a="),
    *(
        "-----BEGIN ",
        "-----BEGIN A-----\n",
        "-----BEGIN A-----\n-----END A-----\n",
        "*.",
        "xn--",
        "\r\n--a\r\n",
    ),
)


def filled(shape: str, size: int) -> str:
    return (shape * (size // len(shape) + 1))[:size]


def passages(text: str) -> tuple[NumberedPassage, ...]:
    text = text[:LONGEST_PASSAGE]
    return tuple(NumberedPassage(number, passage(text)) for number in range(1, 13))


def cite(text: str) -> None:
    """Take an answer as a model writes it, in pieces."""
    citations = CitationFilter({1})
    for start in range(0, len(text), 2000):
        citations.feed(text[start : start + 2000])
    citations.finish()


def think(text: str) -> None:
    reasoning = ReasoningFilter()
    for start in range(0, len(text), 2000):
        reasoning.feed(text[start : start + 2000])
    reasoning.finish()


def chat_body(text: str) -> bytes:
    messages = [{"role": role, "content": text} for role in ("user", "assistant", "user")]
    return json.dumps({"messages": messages}, ensure_ascii=False).encode("utf-8", "replace")


def embedding_body(text: str) -> bytes:
    return json.dumps({"input": [text]}).encode()


# Each function by its module, with the largest text that reaches it and a call with one.
COSTS: dict[str, tuple[int, Callable[[str], object]]] = {
    "appliance.accounts.names:normal_name": (LARGEST_FORM, normal_name),
    "appliance.accounts.names:checked_name": (LARGEST_FORM, checked_name),
    "appliance.accounts.secrets:checked_password": (
        LARGEST_FORM,
        lambda text: checked_password(text, text),
    ),
    "appliance.accounts.secrets:code_digest": (LARGEST_FORM, code_digest),
    "appliance.accounts.secrets:digest": (LARGEST_FORM, digest),
    "appliance.answering.budget:tokens_in": (LONGEST_ANSWER, tokens_in),
    "appliance.answering.citations:CitationFilter": (LONGEST_ANSWER, cite),
    "appliance.answering.citations:strip_citations": (LONGEST_ANSWER, strip_citations),
    "appliance.answering.prompt:escape_control_tokens": (
        LONGEST_ANSWER,
        prompt.escape_control_tokens,
    ),
    "appliance.answering.prompt:escape_document_text": (
        LONGEST_PASSAGE,
        prompt.escape_document_text,
    ),
    "appliance.answering.quote:quote": (
        QUESTION_LIMIT,
        lambda text: quote(text, passages(text)),
    ),
    "appliance.answering.quote:unescape": (3 * LONGEST_PASSAGE, unescape),
    "appliance.answering.reasoning_filter:ReasoningFilter": (LONGEST_ANSWER, think),
    "appliance.answering.sentences:sentences": (LONGEST_ANSWER, sentences),
    "appliance.answering.sentences:shortened": (
        LONGEST_ANSWER,
        lambda text: shortened(text, 1000),
    ),
    "appliance.conversations.model:title_of": (QUESTION_LIMIT, title_of),
    "appliance.conversations.service:checked_question": (LARGEST_BODY, checked_question),
    "appliance.core.text:is_storable": (LARGEST_FORM, is_storable),
    "appliance.core.text:storable": (LARGEST_FORM, storable),
    "appliance.core.text:normalized": (LONGEST_QUERY, lambda text: normalized(text, "NFKC", 8000)),
    "appliance.library.names:clean": (LARGEST_FORM, clean),
    "appliance.retrieval.deduplication:deduplicate": (
        LONGEST_PASSAGE,
        lambda text: deduplicate([each.passage for each in passages(text)]),
    ),
    "appliance.retrieval.question:read_question": (
        LONGEST_QUERY,
        lambda text: (read_question(text, [text] * 40), read_question("Why?", [text] * 40)),
    ),
    "appliance.text.anaphora:references_back": (
        QUESTION_LIMIT,
        lambda text: [list(references_back(text, name)) for name in ("english", "german")],
    ),
    "appliance.text.keywords:keywords": (QUESTION_LIMIT, lambda text: keywords(text, "english")),
    "appliance.text.keywords:word_count": (QUESTION_LIMIT, lambda text: word_count(text.split())),
    "appliance.text.language:detect": (LONGEST_QUERY, detect),
    "appliance.text.scripts:separator": (LONGEST_ANSWER, lambda text: separator(text, text)),
    "appliance.text.scripts:without_breaks": (LONGEST_ANSWER, without_breaks),
    "appliance.text.words:all_words": (LONGEST_QUERY, all_words),
    "appliance.text.words:question_language": (LONGEST_QUERY, question_language),
    "appliance.text.words:question_words": (
        LONGEST_QUERY,
        lambda text: question_words(text, "english"),
    ),
    "appliance.text.words:search_text": (LONGEST_PASSAGE, search_text),
    "appliance.tls.material:read_material": (
        LARGEST,
        lambda text: read_material(text.encode("utf-8", "replace")[:LARGEST]),
    ),
    "appliance.tls.names:address_of": (LARGEST_FORM, address_of),
    "appliance.tls.names:canonical": (LARGEST_FORM, canonical),
    "appliance.tls.names:canonical_pattern": (LARGEST_FORM, canonical_pattern),
    "appliance.tls.names:covers": (LARGEST_FORM, lambda text: covers(text, text)),
    "appliance.tls.names:nearly_covers": (
        LARGEST_FORM,
        lambda text: nearly_covers(f"*.{text}", text),
    ),
    "appliance.web.forms:decoded": (
        LARGEST_FORM,
        lambda text: decoded(text.encode("utf-8", "replace")[:LARGEST_FORM]),
    ),
    "appliance.web.forms:Form": (
        LARGEST_FORM,
        lambda text: Form({"a": text}).text("a"),
    ),
    "appliance.web.json_body:json_object": (
        1024 * 1024,
        lambda text: json_object(f'{{"a":[{text}]}}'.encode("utf-8", "replace")),
    ),
    "appliance.web.markdown:plain": (LONGEST_TEXT, markdown.plain),
    "appliance.web.markdown:with_links": (
        LARGEST_HTML,
        lambda text: markdown.with_links(text, {1: "/a"}),
    ),
    "appliance.web.multipart:parts_of": (
        1024 * 1024,
        lambda text: parts_of(
            "multipart/form-data; boundary=a", text.encode("utf-8", "replace")[: 1024 * 1024]
        ),
    ),
    "appliance.web.paths:is_local_path": (LARGEST_FORM, is_local_path),
    "appliance.web.paths:whole_number": (LARGEST_FORM, whole_number),
    "webchat.pages.api_chat_body:read_chat_request": (
        LARGEST_BODY // 16,
        lambda text: read_chat_request(chat_body(text)),
    ),
    "webchat.pages.api_chat_body:read_embedding_request": (
        LARGEST_BODY // 16,
        lambda text: read_embedding_request(embedding_body(text)),
    ),
    "webchat.pages.document:attachment": (255, attachment),
    "webchat.pages.document:marked_text": (1_000_000, lambda text: marked_text(text, 5, 500_000)),
}

# Packages whose functions people's texts reach on an event loop.
READERS = ("accounts", "answering", "conversations", "library", "retrieval", "text", "tls", "web")
# What marks a module that takes texts apart.
TOOLS = {"re", "unicodedata", "json", "appliance.core.text"}
# Functions with a text that is short or not a person's, or that another row measures.
ELSEWHERE = {
    "appliance.accounts.secrets:Passwords": "hashes in a thread, without the interpreter's lock",
    "appliance.accounts.secrets:new_token": "takes a prefix of our own",
    "appliance.answering.answer_stream:AnswerStream": "CitationFilter, ReasoningFilter",
    "appliance.answering.budget:fit": "tokens_in",
    "appliance.library.blobs:Blobs": "takes digests of our own",
    "appliance.library.blobs:Disk": "takes digests of our own",
    "appliance.library.blobs:SystemDisk": "takes digests of our own",
    "appliance.library.blobs:is_digest": "takes names of our own files",
    "appliance.tls.addresses:addresses_v4": "takes files of the kernel",
    "appliance.tls.addresses:addresses_v6": "takes files of the kernel",
    "appliance.tls.addresses:aliases_of": "takes a file of root",
    "appliance.tls.addresses:domains_of": "takes a file of root",
    "appliance.tls.folder:Stored": "takes our own files",
    "appliance.tls.folder:split": "takes our own files",
    "appliance.web.markdown_parser:Parser": "runs in markdown_program",
    "webchat.pages.api_chat:Completion": "writes a model's text and takes none apart",
    "webchat.pages.part_heads:PartHeads": "takes lines of at most 8 KiB",
    "appliance.answering.prompt:messages": "escape_control_tokens, escape_document_text",
    "appliance.text.word_lists:word_lists": "reads our own files",
    "appliance.web.markdown:render": "a page of samples shows our own text",
    "appliance.web.markdown:to_html": "runs in markdown_program",
    "appliance.web.markdown:split_blocks": "runs in markdown_program",
    "appliance.web.markdown:split_and_render": "runs in markdown_program",
    "appliance.web.markdown_worker:MarkdownWorker": "hands the text on",
}


def cost(call: Callable[[str], object], text: str) -> float:
    """Return the processor seconds of a call, the best of three if the first seems too long."""
    best = float("inf")
    for _ in range(3):
        started = time.thread_time()
        # Refusing a text may not take longer either.
        with contextlib.suppress(ApplianceError, ValueError):
            call(text)
        best = min(best, time.thread_time() - started)
        if best <= MOST_SECONDS:
            break
    return best


@pytest.mark.parametrize("name", COSTS)
def test_no_shape_of_a_text_keeps_the_loop(name: str) -> None:
    size, call = COSTS[name]
    costs = {shape: cost(call, filled(shape, size)) for shape in SHAPES}
    assert {shape: spent for shape, spent in costs.items() if spent > MOST_SECONDS} == {}


def test_it_measures_what_a_quadratic_function_costs() -> None:
    assert cost(lambda text: [text[:at].count("!") for at in range(len(text))], "a" * 40_000) > (
        MOST_SECONDS
    )


def readers(path: Path) -> Iterator[str]:
    """Yield the public functions and classes of a module that take a text, as rows name them."""
    tree = ast.parse(path.read_text("utf-8"))
    imported = {
        name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _imports(node)
    }
    if not imported & TOOLS:
        return
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for node in tree.body:
        match node:
            case ast.FunctionDef() if _takes_text(node):
                yield f"{module}:{node.name}"
            case ast.ClassDef(name=name, body=body) if not name.startswith("_"):
                methods = [each for each in body if isinstance(each, ast.FunctionDef)]
                if any(_takes_text(each) for each in methods):
                    yield f"{module}:{name}"


def _imports(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names]


def _takes_text(node: ast.FunctionDef) -> bool:
    texts = {"str", "bytes", "Sequence[str]"}
    arguments = [*node.args.args, *node.args.kwonlyargs]
    is_public = not node.name.startswith("_")
    return is_public and any(
        each.annotation is not None and ast.unparse(each.annotation) in texts for each in arguments
    )


def modules() -> Iterator[Path]:
    for package in READERS:
        yield from sorted((ROOT / "appliance" / package).glob("*.py"))
    yield ROOT / "appliance" / "core" / "text.py"
    yield from sorted((ROOT / "webchat").rglob("*.py"))


def test_the_table_names_each_function_that_takes_a_text_apart() -> None:
    found = {name for path in modules() for name in readers(path)}
    assert found - COSTS.keys() - ELSEWHERE.keys() == set()


def test_the_table_names_no_function_that_is_gone() -> None:
    for name in [*COSTS, *ELSEWHERE]:
        module, _, function = name.partition(":")
        path = ROOT / Path(*module.split(".")).with_suffix(".py")
        defined = {
            node.name
            for node in ast.parse(path.read_text("utf-8")).body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }
        assert function in defined, name
