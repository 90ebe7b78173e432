"""The identity by which a probe recognizes this appliance's own web server."""

from __future__ import annotations

import secrets
from pathlib import Path

from appliance.core.files import write_atomically

HEADER = "X-Cloister-Identity"
_BYTES = 16


def ensure_identity(path: Path) -> str:
    """Return the random identity that a file holds; it is made once, and then stays the same."""
    try:
        kept = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError):
        kept = b""
    if len(kept) == _BYTES:
        return kept.hex()
    identity = secrets.token_hex(_BYTES)
    # The group reads it: packaged, the supervisor is another account than the web server.
    write_atomically(path, f"{identity}\n".encode(), mode=0o640)
    return identity
