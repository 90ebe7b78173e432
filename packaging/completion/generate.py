"""Print what completes `cloister` in a shell, made from the parser: `python3 generate.py SHELL`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import shtab

# Fixed, because asking the supervisor takes longer than a person at a prompt waits.
UNITS = ("postgres", "migrate", "ollama", "ingest", "webchat@1", "nginx")
UNITS_IN = {"bash": "_cloister_units", "zsh": f"({' '.join(UNITS)})"}
# The caller of the function has changed IFS, at which the shell splits the list.
PREAMBLE = {
    "bash": f"_cloister_units() {{ local IFS=' '; compgen -W '{' '.join(UNITS)}' -- \"$1\"; }}",
}


def completion(shell: str) -> str:
    """Return the program for `bash` or `zsh`."""
    parser: argparse.ArgumentParser = import_module("appliance.cli.parser").build()
    for action in _actions(parser):
        if action.dest == "unit":
            action.complete = UNITS_IN  # type: ignore[attr-defined]  # where shtab looks for it
        elif action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return shtab.complete(parser, shell, root_prefix="cloister", preamble=PREAMBLE)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield all options and arguments, also those of the verbs."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to its verbs
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for verb in action.choices.values():
                yield from _actions(verb)


if __name__ == "__main__":
    sys.stdout.write(completion(sys.argv[1]))
