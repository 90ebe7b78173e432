"""Where repositories are for the processes that read them, and the key of this machine."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from appliance.core.files import private_directory, write_atomically
from appliance.core.settings import Settings
from appliance.repository.errors import GatewayMissingError, KeyMissingError
from appliance.repository.restic import Repository

# The name under which systemd hands the key to the units that may have it.
CREDENTIAL = "cloister.backup-key"
_CACHE = "cache"
# The repository of models, in the folder of the one that holds the sets.
MODELS = "models"


def own_repository(settings: Settings, variables: Mapping[str, str] = os.environ) -> Repository:
    """Return the repository of this machine, as this process reaches it. Raises KeyMissingError.

    Packaged, only a server that adds and never removes can reach the files. In a clone they are in
    a folder of the same account.
    """
    return Repository(
        own_address(settings), machine_key(settings, variables), settings.backup / _CACHE
    )


def own_address(settings: Settings) -> str:
    """Return the address of this machine's repository for the processes that add to it."""
    if settings.packaged:
        return f"rest:http+unix://{settings.repository_socket}:/"
    return str(settings.repository)


def models_address(address: str) -> str:
    """Return the address of the models beside the sets at an address: here, or in a copy."""
    return f"{address.rstrip('/')}/{MODELS}{'/' if address.endswith('/') else ''}"


def address_file(settings: Settings, number: int) -> Path:
    """Return the file that has the address of a target's copy, while it is shown on this machine.

    Packaged, only the accounts that may connect to that address can read it.
    """
    return settings.run / "offsite" / f"{number}.address"


def copy_address(settings: Settings, number: int) -> str:
    """Return the address at which the copy of a target is shown. Raises GatewayMissingError."""
    try:
        return address_file(settings, number).read_text().strip()
    except OSError as error:
        raise GatewayMissingError(target=number) from error


def machine_key(settings: Settings, variables: Mapping[str, str] = os.environ) -> str:
    """Return the machine's own key. Raises KeyMissingError.

    Packaged, systemd has decrypted it for this process alone; a clone makes it at the first use.
    """
    if settings.packaged:
        path = Path(variables.get("CREDENTIALS_DIRECTORY", "/")) / CREDENTIAL
    else:
        path = settings.state / "backup.key"
    try:
        key = path.read_text().strip()
    except OSError:
        key = ""
    if not key and settings.packaged:
        raise KeyMissingError
    return key or _made(path)


def _made(path: Path) -> str:
    key = secrets.token_urlsafe(32)
    private_directory(path.parent)
    write_atomically(path, key.encode())
    return key
