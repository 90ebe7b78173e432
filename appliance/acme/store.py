"""The accounts of this machine at authorities, in the folder of the process that asks them.

No other process can read the folder: who has the key of an account can order certificates for the
names of this machine, as long as the authority can see its proofs.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from typing_extensions import override

from appliance.core.files import read_small, write_atomically

_LARGEST = 16 * 1024
_ACCOUNTS = "account-*.json"


@dataclass(frozen=True, slots=True)
class Account:
    """An account: its address, and the key that opens it."""

    directory: str
    address: str
    key: ec.EllipticCurvePrivateKey

    @override
    def __repr__(self) -> str:
        """Keep the key out of logs and tracebacks."""
        return f"Account({self.address})"


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return the key of an account that is to be made."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts in a folder, one for each directory.

    A file that cannot be read counts as none.
    """

    folder: Path

    async def find(self, directory: str) -> Account | None:
        """Return the account at an authority."""
        content = await asyncio.to_thread(read_small, self._file(directory), _LARGEST)
        try:
            found = json.loads(content or b"")
            key = load_pem_private_key(found["key"].encode(), password=None)
            address = str(found["address"])
        except (ValueError, KeyError, TypeError):
            return None
        if found["directory"] != directory or not isinstance(key, ec.EllipticCurvePrivateKey):
            return None
        return Account(directory, address, key)

    async def keep(self, account: Account) -> None:
        """Keep an account in place of the one before. Raises OSError."""
        key = account.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        found = {
            "directory": account.directory,
            "address": account.address,
            "key": key.decode(),
        }
        content = json.dumps(found, indent=1).encode()
        await asyncio.to_thread(write_atomically, self._file(account.directory), content)

    async def forget_all(self) -> int:
        """Remove all accounts, and return how many there were."""
        return await asyncio.to_thread(self._forget_all)

    def _forget_all(self) -> int:
        files = list(self.folder.glob(_ACCOUNTS))
        for file in files:
            file.unlink(missing_ok=True)
        return len(files)

    def _file(self, directory: str) -> Path:
        digest = hashlib.sha256(directory.encode()).hexdigest()
        return self.folder / _ACCOUNTS.replace("*", digest[:16])
