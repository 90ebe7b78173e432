"""Where things are in a set or a hot snapshot. Older layouts are read for ever.

All paths begin at the root of the snapshot, and below the home of the machine that made it.
"""

from __future__ import annotations

from collections.abc import Mapping

from appliance.repository.model import Kind

DOCUMENTS = "documents"
# What is put together before it is saved, always in the same place: restic finds what is unchanged.
STAGES: Mapping[Kind, str] = {Kind.SET: "backup/set", Kind.HOT: "backup/hot"}
# In a stage:
MANIFEST = "manifest.json"
DATABASE = "database"
CONFIGURATION = "configuration"
TLS = "tls"
AUTHORITY = "authority"
TARGETS = "targets"
# Can be made again from the documents; a hot snapshot has their tables without rows.
DERIVED = (
    "library.page",
    "library.chunk",
    "library.embedding",
    "library.term",
    "library.collection_language",
)
# Of no use after a restore: all people sign in again, and no attempt counts any more.
TRANSIENT = ("core.session", "core.login_attempt", "core.device")
