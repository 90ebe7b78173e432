"""Read a recovery key, or the secret of a target, so that neither is ever an argument."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from appliance.cli.errors import KeyNotTypedError, NoSuchFileError

_STANDARD_INPUT = "-"
# A key with its dashes and the end of its line is shorter.
_LONGEST = 4096
# More than the longest private key that a target may have, so that a longer one is refused.
_LONGEST_SECRET = 32 * 1024


def add_key_file(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a file with the key: never the key itself."""
    parser.add_argument(
        "--key-file",
        metavar="FILE",
        help="read the recovery key from a file, or from standard input (-)",
    )


def read_key(options: argparse.Namespace, *, is_needed: bool) -> str | None:
    """Return the key that was given; without a file it is typed, where it is needed.

    Raises NoSuchFileError and KeyNotTypedError.
    """
    if options.key_file == _STANDARD_INPUT:
        return sys.stdin.read(_LONGEST).strip()
    if options.key_file:
        return read_text(Path(options.key_file))
    if not is_needed:
        return None
    if not sys.stdin.isatty():
        raise KeyNotTypedError
    return getpass.getpass("Recovery key: ").strip()


def read_secret(name: str) -> str:
    """Return a password or a private key from a file, or from standard input.

    Raises NoSuchFileError.
    """
    if name == _STANDARD_INPUT:
        return sys.stdin.read(_LONGEST_SECRET).strip()
    return read_text(Path(name), _LONGEST_SECRET)


def read_text(path: Path, most: int = _LONGEST) -> str:
    """Return the text of a small file, without white space around it. Raises NoSuchFileError."""
    try:
        with path.open("rb") as file:
            return file.read(most).decode(errors="replace").strip()
    except OSError as error:
        raise NoSuchFileError(path=path, reason=error.strerror) from error
