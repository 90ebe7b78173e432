"""Where a browser may reach the machine with settings that are on trial. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from appliance.core.settings import Settings

# More links than that help no person.
MOST = 4


def addresses_to_try(after: Settings, host: str) -> tuple[str, ...]:
    """Return addresses of the console with these settings, the likeliest first.

    `host` is the name, perhaps with a port, under which the operator reaches the machine now.
    """
    usual = urlsplit(after.console_address)
    port = f":{usual.port}" if usual.port else ""
    now = urlsplit(f"//{host}").hostname or ""
    names = [_bracketed(now)] if now and _is_served(after, now) else []
    names += map(_bracketed, (usual.hostname or after.host, *after.host_names))
    found = dict.fromkeys(f"{usual.scheme}://{name}{port}" for name in names)
    return tuple(found)[:MOST]


def _is_served(after: Settings, name: str) -> bool:
    own = {after.host, *after.host_names, after.bind, "localhost", "127.0.0.1", "::1"}
    return not after.host_names or name in {each.strip("[]").lower() for each in own}


def _bracketed(name: str) -> str:
    return f"[{name}]" if ":" in name and not name.startswith("[") else name
