"""What can a parser reach on this machine? The answer comes from trying it, as a parser."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from aiohttp import web

from appliance.core.process import ProgramMissingError
from appliance.ingest.extract.confined import python_parser, run_parser
from appliance.ingest.extract.parser import ParserLimits
from appliance.ingest.model import Reach

_LOG = logging.getLogger(__name__)


class Isolation:
    """Tries once what a parser can reach: `reach`, None until it is known."""

    def __init__(self, documents: Path, limits: ParserLimits) -> None:
        self._documents = documents
        self._limits = limits
        self.reach: frozenset[Reach] | None = None

    async def examine(self) -> None:
        """Run the trial, and log what a parser can reach."""
        arguments = (str(self._documents), str(os.getpid()))
        argv = python_parser("appliance.ingest.extract.trial", *arguments)
        try:
            finished = await run_parser(argv, b"", self._limits)
        except (OSError, ProgramMissingError):
            _LOG.exception("parsers cannot be started")
            return
        if not finished.succeeded:
            complaint = finished.stderr.decode(errors="replace")
            _LOG.error("trial of parsers failed: %s: %s", finished.description, complaint)
            return
        self.reach = frozenset(map(Reach, json.loads(finished.stdout)))
        if self.reach:
            _LOG.warning("parsers are not confined: reach=%s", ",".join(sorted(self.reach)))

    async def answer(self, _: web.Request) -> web.Response:
        """Answer with what parsers reach; null until it is known."""
        return web.json_response({"reach": None if self.reach is None else sorted(self.reach)})
