"""The process that renders gives what the functions give, and gives up what costs too much."""

from __future__ import annotations

import asyncio

from appliance.web.markdown import plain, split_and_render, to_html
from appliance.web.markdown_limits import Allowance
from appliance.web.markdown_worker import Grown, MarkdownWorker

TEXT = "# Towers [1]\n\n- *one*\n- two \u6f22 <b>\n\n| a | b |\n|---|---|\n| x | [2] |\n\nend"


async def test_it_gives_what_the_functions_give() -> None:
    async with MarkdownWorker() as worker:
        assert await worker.render(TEXT) == to_html(TEXT)
        assert await worker.render("") == ""
        left = Allowance()
        closed, blocks, tail = split_and_render(TEXT, left)
        grown = await worker.grow(TEXT, Allowance())
    assert grown is not None
    assert (grown.blocks, grown.tail) == (tuple(blocks), tail)
    assert grown.consumed == sum(map(len, closed))
    assert grown.allowance == left
    assert left != Allowance()


async def test_half_a_surrogate_pair_breaks_nothing() -> None:
    async with MarkdownWorker() as worker:
        assert await worker.render("a \ud800 b") is not None
        assert await worker.render(TEXT) == to_html(TEXT)


async def test_the_loop_goes_on_while_it_renders() -> None:
    async with MarkdownWorker() as worker:
        await worker.render("warm")
        rendering = asyncio.create_task(worker.render("- a *point*\n" * 2500))
        turns = 0
        while not rendering.done():
            await asyncio.sleep(0)
            turns += 1
        assert await rendering
    assert turns > 100


async def test_without_a_program_nothing_is_rendered() -> None:
    worker = MarkdownWorker()
    assert await worker.render(TEXT) is None
    assert await worker.grow(TEXT, Allowance()) is None


async def test_a_text_that_costs_too_much_is_shown_as_it_is_written() -> None:
    text = "- a *point* of _a list_\n" * 1200
    async with MarkdownWorker(processor_seconds=0.05) as worker:
        assert await worker.render("a *b*") == to_html("a *b*")
        assert await worker.render(text) == plain(text)
        grown = await worker.grow(text, Allowance(cells=7))
        assert grown == Grown((), 0, plain(text), Allowance(cells=7))
        # The program goes on, and what it had to give up harms no other text.
        assert await worker.render("c *d*") == to_html("c *d*")
