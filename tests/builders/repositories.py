"""A repository that opens fast: its key costs nothing to guess, which no real one has.

restic makes a key so that each start takes half a second of the processor. Here the key file is
written again with the least that it accepts.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import mkdtemp

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from cryptography.hazmat.primitives.poly1305 import Poly1305

PASSWORD = "a machine's key for tests"
_NONCE = _MAC = 16
_CHEAP = {"N": 2, "r": 8, "p": 1}


def fast_repository(folder: Path, password: str = PASSWORD) -> Path:
    """Make an empty repository in the new `folder`."""
    copytree(_template(password), folder)
    return folder


@cache
def _template(password: str) -> Path:
    folder = Path(mkdtemp(prefix="cloister-repository-"))
    subprocess.run(
        ["restic", f"--repo={folder}", "--no-cache", "init", "--repository-version=2"],
        env={"PATH": os.environ["PATH"], "RESTIC_PASSWORD": password},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (path,) = (folder / "keys").iterdir()
    make_fast(path, password)
    return folder


def make_fast(path: Path, password: str) -> None:
    """Write a key file again, with a cheap derivation."""
    key = json.loads(path.read_bytes())
    data = base64.b64decode(key["data"])
    master = _ctr(_derived(password, key), data[:_NONCE], data[_NONCE:-_MAC])
    key |= _CHEAP
    derived, nonce = _derived(password, key), os.urandom(_NONCE)
    sealed = _ctr(derived, nonce, master)
    key["data"] = base64.b64encode(nonce + sealed + _mac(derived, nonce, sealed)).decode()
    content = json.dumps(key).encode()
    path.unlink()
    path.with_name(hashlib.sha256(content).hexdigest()).write_bytes(content)


def _derived(password: str, key: dict[str, object]) -> bytes:
    n, r, p = (int(str(key[name])) for name in ("N", "r", "p"))
    salt = base64.b64decode(str(key["salt"]))
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=2**30, dklen=64)


def _ctr(key: bytes, nonce: bytes, content: bytes) -> bytes:
    return Cipher(AES(key[:32]), CTR(nonce)).encryptor().update(content)


def _mac(key: bytes, nonce: bytes, content: bytes) -> bytes:
    """Return the Poly1305-AES of a content: its one-time pad is the nonce, encrypted."""
    pad = Cipher(AES(key[32:48]), ECB()).encryptor().update(nonce)  # noqa: S305 - one block
    return Poly1305.generate_tag(key[48:64] + pad, content)
