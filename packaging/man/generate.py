"""Print cloister(8), made from the parser itself: `python3 generate.py VERSION SECTIONS`.

SECTIONS is a file of further sections, in the form that argparse-manpage includes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from importlib import import_module

from argparse_manpage.manpage import Manpage  # type: ignore[import-untyped]

# Break lines as on a terminal of this width, so that every build makes the same text.
os.environ["COLUMNS"] = "80"


def page(version: str, sections: str) -> str:
    """Return the page."""
    parser: argparse.ArgumentParser = import_module("appliance.cli.parser").build()
    for verb in _verbs(parser):
        # The page shows a verb's purpose from the list of verbs above its description.
        verb.description = None
    exits, parser.epilog = parser.epilog, None
    facts = {
        "prog": "cloister",
        "project_name": "cloister",
        "version": version,
        "description": "run and look after a private document-chat appliance",
        "manual_section": "8",
        "manual_title": "Cloister",
    }
    manual = Manpage(parser, facts, format="single-commands-section")
    manual.add_section("exit status", ">", f"{exits}\n")
    manual.parse_include(sections)
    return str(manual).replace(".SH\nVERBS", ".SH VERBS")


def _verbs(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of all verbs, also of verbs of verbs."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to its verbs
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for verb in action.choices.values():
                yield verb
                yield from _verbs(verb)


if __name__ == "__main__":
    sys.stdout.write(page(*sys.argv[1:]))
