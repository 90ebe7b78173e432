"""The program `cloister`, to which a minute of silence is a second: `python -m` runs it."""

from __future__ import annotations

from appliance.__main__ import main
from appliance.offsite.places import place
from appliance.repository import answering, files

SILENCE = 1.0


def lose_patience() -> None:
    """Shorten each wait, before the modules that use it are loaded."""
    place.SILENCE_SECONDS = SILENCE
    files.SILENCE_SECONDS, files.GATEWAY_SECONDS = SILENCE, 3 * SILENCE
    answering.PATIENCE_SECONDS, answering._EVERY_SECONDS = 4 * SILENCE, SILENCE / 5


if __name__ == "__main__":
    lose_patience()
    main()
