"""The command `cloister`, also as `python -m appliance`."""

from __future__ import annotations

import sys

from appliance.cli.parser import run


def main() -> None:
    """Run the verb that the command line names, and exit with its code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
