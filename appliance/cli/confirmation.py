"""Ask a person at the terminal before something that is hard to undo."""

from __future__ import annotations

import argparse
import sys

from appliance.cli.errors import ConfirmationNeededError


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Add the option that answers the question in advance."""
    parser.add_argument("--yes", action="store_true", help="do it without asking")


def confirmed(options: argparse.Namespace, consequences: str) -> bool:
    """Return whether to go on: because of `--yes`, or by an answer at the terminal.

    Raises ConfirmationNeededError where there is no terminal. The question goes to standard error,
    so that `--json` prints values only.
    """
    if options.yes:
        return True
    if not sys.stdin.isatty():
        raise ConfirmationNeededError(consequences=consequences)
    print(f"{consequences}\nGo on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
