"""A share whose server may stop answering: a file system of FUSE on top of a folder.

Only root can mount it. A call that hangs cannot be ended from outside, not even by SIGKILL, until
the share comes back: no file system of a real machine behaves worse.
https://www.kernel.org/doc/html/latest/filesystems/fuse/fuse.html
"""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from threading import Event, Lock, Thread

from tests.appliance import ROOT

_BUFFER = 1024 * 1024
_LARGEST_WRITE = 128 * 1024
_ROOT = 1
_ID, _NAME = struct.Struct("<Q"), 255
_REQUEST, _ANSWER = struct.Struct("<IIQQIIIHH"), struct.Struct("<IiQ")
_ATTRIBUTES = struct.Struct("<QQQQQQIIIIIIIIII")
_OPENED, _PART = struct.Struct("<QII"), struct.Struct("<QQIIQII")


class Call(IntEnum):
    """What the kernel asks for, by its number."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    MKDIR = 9
    UNLINK = 10
    RENAME = 12
    LINK = 13
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    FSYNCDIR = 30
    CREATE = 35
    INTERRUPT = 36
    BATCH_FORGET = 42


_WITHOUT_ANSWER = {Call.FORGET, Call.INTERRUPT, Call.BATCH_FORGET}
# What may hang, by what a program does.
STAT = frozenset({Call.LOOKUP, Call.GETATTR})
LIST, READ, WRITE, SYNC = (
    frozenset({call}) for call in (Call.READDIR, Call.READ, Call.WRITE, Call.FSYNC)
)


class HangingShare:
    """A share at `folder`, whose server is the process `server`."""

    def __init__(self, folder: Path, server: subprocess.Popen[bytes]) -> None:
        self.folder = folder
        self._server = server
        self._hung = Event()
        self.listener = Thread(target=self._listen, daemon=True)
        self.listener.start()

    def hang(self, calls: frozenset[Call] = STAT, *, after: int = 0) -> None:
        """Answer these calls no more, after so many more of them."""
        self._hung.clear()
        self._say(f"{after} {' '.join(str(int(call)) for call in calls)}")

    def come_back(self) -> None:
        """Answer again, also the calls that have waited."""
        self._say("0")

    def wait_until_hung(self, seconds: float = 30.0) -> None:
        """Return when the first call hangs."""
        assert self._hung.wait(seconds), "nothing hangs"

    def _say(self, words: str) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(f"{words}\n".encode())
        self._server.stdin.flush()

    def _listen(self) -> None:
        assert self._server.stdout is not None
        for _ in self._server.stdout:
            self._hung.set()


@dataclass
class _Server:
    """Answers the kernel, from what is in a folder. It ends with the process that started it."""

    device: int
    backing: Path
    _hangs: frozenset[int] = frozenset()
    _skips: int = 0
    _held: list[bytes] = field(default_factory=list)
    _paths: dict[int, Path] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def obey(self) -> None:
        """Do what the lines on standard input ask for, until it is closed."""
        for line in sys.stdin:
            skips, *calls = map(int, line.split())
            with self._lock:
                self._hangs, self._skips = frozenset(calls), skips
                held, self._held = self._held, []
                for request in held:
                    self._answer(request)

    def serve(self) -> None:
        """Answer the kernel until the share is unmounted."""
        self._paths[_ROOT] = self.backing
        while True:
            try:
                request = os.read(self.device, _BUFFER)
            except OSError:
                return
            with self._lock:
                if self._holds_back(_REQUEST.unpack_from(request)[1]):
                    self._held.append(request)
                    print("hung", flush=True)
                else:
                    self._answer(request)

    def _holds_back(self, call: int) -> bool:
        if call not in self._hangs:
            return False
        self._skips -= 1
        return self._skips < 0

    def _answer(self, request: bytes) -> None:
        _, call, unique, node, *_ = _REQUEST.unpack_from(request)
        if call in _WITHOUT_ANSWER:
            return
        body, code = b"", 0
        try:
            body = self._carry_out(call, node, request[_REQUEST.size :])
        except OSError as error:
            code = -(error.errno or errno.EIO)
        with suppress(OSError):
            os.write(self.device, _ANSWER.pack(_ANSWER.size + len(body), code, unique) + body)

    def _carry_out(self, call: int, node: int, given: bytes) -> bytes:  # noqa: PLR0911 - one each
        path = self._paths.get(node, self.backing)
        match call:
            case Call.INIT:
                return struct.pack(
                    "<IIIIHHIIHHI28x", 7, 31, 65536, 0, 8, 6, _LARGEST_WRITE, 1, 0, 0, 0
                )
            case Call.LOOKUP:
                return self._entry(path / _text(given))
            case Call.GETATTR:
                return struct.pack("<QII", 0, 0, 0) + _attributes(path, node)
            case Call.SETATTR:
                return struct.pack("<QII", 0, 0, 0) + _attributes(path, node)
            case Call.MKDIR:
                (path / _text(given[8:])).mkdir()
                return self._entry(path / _text(given[8:]))
            case Call.UNLINK:
                (path / _text(given)).unlink()
            case Call.RENAME:
                (target,), names = _ID.unpack_from(given), given[8:].split(b"\0")
                (path / names[0].decode()).rename(self._paths[target] / names[1].decode())
            case Call.LINK:
                (source,), new = _ID.unpack_from(given), path / _text(given[8:])
                new.hardlink_to(self._paths[source])
                return self._entry(new)
            case Call.CREATE:
                new = path / _text(given[16:])
                os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o660))
                return self._entry(new) + _OPENED.pack(0, 0, 0)
            case Call.OPEN | Call.OPENDIR:
                return _OPENED.pack(0, 0, 0)
            case Call.READ | Call.READDIR:
                _, offset, size, *_ = _PART.unpack_from(given)
                whole = _listing(path) if call == Call.READDIR else path.read_bytes()
                return whole[offset : offset + size]
            case Call.WRITE:
                _, offset, size, *_ = _PART.unpack_from(given)
                with path.open("r+b") as file:
                    file.seek(offset)
                    file.write(given[_PART.size : _PART.size + size])
                return struct.pack("<II", size, 0)
            case Call.STATFS:
                return struct.pack("<QQQQQIIII24x", 4096, 2048, 2048, 99, 99, 4096, _NAME, 4096, 0)
            case Call.FSYNC | Call.FSYNCDIR | Call.FLUSH | Call.RELEASE | Call.RELEASEDIR:
                pass
            case _:
                raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        return b""

    def _entry(self, path: Path) -> bytes:
        """Return what the kernel is to know of a file, which it may keep for no moment."""
        path.lstat()
        known = {one: number for number, one in self._paths.items()}
        node = known.get(path, max(self._paths) + 1)
        self._paths[node] = path
        return struct.pack("<QQQQII", node, 0, 0, 0, 0, 0) + _attributes(path, node)


def _attributes(path: Path, node: int) -> bytes:
    found = path.lstat()
    times = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime), 0, 0, 0)
    owner = (found.st_mode, found.st_nlink, found.st_uid, found.st_gid)
    return _ATTRIBUTES.pack(node, found.st_size, found.st_blocks, *times, *owner, 0, 4096, 0)


def _listing(path: Path) -> bytes:
    """Return the names in a folder as the kernel reads them: each says where the next one is."""
    listed = b""
    for one in sorted(path.iterdir()):
        text = one.name.encode()
        size = 24 + (len(text) + 7) // 8 * 8
        kind = one.lstat().st_mode >> 12
        head = struct.pack("<QQII", 2, len(listed) + size, len(text), kind)
        listed += (head + text).ljust(size, b"\0")
    return listed


def _text(given: bytes) -> str:
    return given.split(b"\0", 1)[0].decode()


@contextmanager
def hanging_share(folder: Path, backing: Path) -> Iterator[HangingShare]:
    """Mount a share at a folder while the block runs. What hangs at its end is let go."""
    for one in (folder, backing):
        one.mkdir(parents=True, exist_ok=True)
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    command = ["mount", "-i", "-t", "fuse", "-o", options, "share", str(folder)]
    subprocess.run(command, check=True, pass_fds=[device])
    argv = [sys.executable, "-m", "tests.hanging_share", str(device), str(backing)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=ROOT, pass_fds=[device], stdin=pipe, stdout=pipe) as server:
        # With the last device the kernel ends each call that still waits.
        os.close(device)
        share = HangingShare(folder, server)
        try:
            yield share
        finally:
            subprocess.run(["umount", "--force", "--lazy", str(folder)], check=True)
            server.kill()
            share.listener.join()


if __name__ == "__main__":
    _server = _Server(int(sys.argv[1]), Path(sys.argv[2]))
    Thread(target=_server.serve, daemon=True).start()
    _server.obey()
