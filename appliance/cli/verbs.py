"""How a module adds its verbs to the parser."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from appliance.cli.context import Context
from appliance.cli.output import ExitCode

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - its only name
else:
    Verbs = object


def add_verb(
    verbs: Verbs,
    shared: argparse.ArgumentParser,
    name: str,
    work: Callable[[Context, argparse.Namespace], Awaitable[ExitCode]],
    purpose: str,
) -> argparse.ArgumentParser:
    """Add a verb that runs `work`, and return its parser for further options.

    The default `as_root` says whether root stays root in this verb.
    """
    parser = verbs.add_parser(name, help=purpose, description=purpose, parents=[shared])
    parser.set_defaults(verb=work, prepare=_nothing, as_root=False)
    return parser


def _nothing(_: argparse.Namespace) -> None:
    """Most verbs need nothing of the caller's own."""


def add_group(verbs: Verbs, name: str, purpose: str) -> Verbs:
    """Add a verb that has verbs of its own, such as `user add`."""
    parser = verbs.add_parser(name, help=purpose, description=purpose)
    return parser.add_subparsers(title="verbs", metavar="VERB", required=True)
