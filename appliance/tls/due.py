"""Whether the machine has to make its own certificate, or another one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from appliance.tls.authority import is_authority_due, is_leaf_due
from appliance.tls.folder import Stored
from appliance.tls.former import is_former, is_former_due
from appliance.tls.model import Origin


def is_due(
    served: Stored | None, authority: bytes | None, names: Sequence[str], now: datetime
) -> bool:
    """Say whether the machine's authority has to make a certificate for these names now.

    One of another authority is never replaced, whatever is wrong with it: it may be its owner's
    only copy, and a certificate that has expired still encrypts.
    """
    if served is None:
        return True
    if served.origin is not Origin.OWN_AUTHORITY:
        return False
    pem = served.pair.certificate
    try:
        if is_former(pem):
            return is_former_due(pem, names[0], now)
        is_late = authority is None or is_authority_due(authority, names, now)
        return is_late or is_leaf_due(pem, names, now)
    except ValueError:
        return True
