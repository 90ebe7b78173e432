"""What a person uploads, as it travels to the operation."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from appliance.tls.errors import MaterialTooLargeError
from appliance.tls.material import LARGEST

_LARGEST_WORDS = "1 MB"


@dataclass(frozen=True, slots=True)
class Upload:
    """What a person uploads: a certificate in any form, and what belongs to it."""

    material: bytes
    key: bytes | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    def as_request(self) -> Mapping[str, str]:
        """Return the part of a request that holds it. Raises MaterialTooLargeError."""
        if max(len(self.material), len(self.key or b"")) > LARGEST:
            raise MaterialTooLargeError(limit=_LARGEST_WORDS)
        return {
            "material": base64.b64encode(self.material).decode(),
            "key": base64.b64encode(self.key).decode() if self.key else "",
            "password": self.password,
        }
