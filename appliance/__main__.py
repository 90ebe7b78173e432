"""The command `cloister`, also as `python -m appliance`."""

from __future__ import annotations

import os
import sys

from appliance.cli.output import ExitCode
from appliance.cli.parser import run


def main() -> None:
    """Run the verb that the command line names, and exit with its code."""
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output, such as `head`, closed it; the interpreter flushes once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.FAILED
    sys.exit(code)


if __name__ == "__main__":
    main()
