"""A copy in storage that speaks S3. The only place that loads boto3, whose calls run in threads."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, SSLError
from typing_extensions import override

from appliance.core.errors import ApplianceError
from appliance.offsite.errors import (
    FileThereError,
    TargetFailedError,
    TargetFullError,
    TargetRefusedError,
    TargetUnprovenError,
    TargetUnreachableError,
)
from appliance.offsite.model import Protection, Target
from appliance.offsite.places.place import (
    BLOCK,
    CONNECT_SECONDS,
    SILENCE_SECONDS,
    Pace,
    RepositoryFile,
)
from appliance.repository.damage import FileKind

_NAME = re.compile(r"[0-9a-f]{64}")
_MISSING = {"404", "NoSuchKey", "NotFound"}
_REFUSED = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket"}
_FULL = {"507", "QuotaExceeded", "InsufficientStorage", "XMinioStorageFull"}
_TAKEN = {"412", "PreconditionFailed"}
_NOT_CONDITIONAL = {"501", "NotImplemented"}


@asynccontextmanager
async def connected(target: Target) -> AsyncIterator[S3Place]:
    """Lend the place, with one client for all calls."""
    client = await asyncio.to_thread(_client, target)
    address = urlsplit(target.place)
    bucket, _, prefix = address.path.strip("/").partition("/")
    try:
        yield S3Place(client, bucket, f"{prefix}/" if prefix else "", target.place)
    finally:
        await asyncio.to_thread(client.close)


def _client(target: Target) -> Any:  # noqa: ANN401 - boto3 makes its classes when it runs
    address = urlsplit(target.place)
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=f"{address.scheme}://{address.netloc}",
        region_name=target.region or "us-east-1",
        aws_access_key_id=target.user,
        aws_secret_access_key=target.secret,
        # The authorities of the machine, and not those that the library brings.
        verify=ssl.get_default_verify_paths().cafile or True,
        config=Config(
            s3={"addressing_style": "path"},
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=SILENCE_SECONDS,
            retries={"total_max_attempts": 1},
            proxies={},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
    client.meta.events.register("before-send.s3.PutObject", _begin_to_send)
    return client


@dataclass(frozen=True, slots=True)
class S3Place:
    """A Place in a bucket, below a prefix that is empty or ends with a slash."""

    client: Any
    bucket: str
    prefix: str
    place: str

    async def prepare(self) -> None:
        """Ask for the bucket: its owner makes it, with the protection that they want."""
        await self._call("head_bucket")

    async def expect_ready(self) -> None:
        """Ask for the bucket."""
        await self.prepare()

    async def sizes(self, kind: FileKind) -> dict[str, int]:
        """Return the names of the files of a kind, with their sizes."""
        if kind is FileKind.CONFIG:
            size = await self.size(RepositoryFile(kind))
            return {} if size is None else {"": size}
        found: dict[str, int] = {}
        options: dict[str, str] = {"Prefix": f"{self.prefix}{kind}/"}
        while True:
            page = await self._call("list_objects_v2", **options)
            for entry in page.get("Contents", ()):
                found[entry["Key"].rpartition("/")[2]] = int(entry["Size"])
            if not page.get("IsTruncated"):
                return {name: size for name, size in found.items() if _NAME.fullmatch(name)}
            options["ContinuationToken"] = page["NextContinuationToken"]

    async def size(self, file: RepositoryFile) -> int | None:
        """Return how large a file is."""
        try:
            return int((await self._call("head_object", Key=self._key(file)))["ContentLength"])
        except _MissingError:
            return None

    async def read(self, file: RepositoryFile, offset: int, length: int) -> AsyncIterator[bytes]:
        """Yield a part of a file."""
        part = f"bytes={offset}-{offset + length - 1}"
        answer = await self._call("get_object", Key=self._key(file), Range=part)
        body = answer["Body"]
        try:
            with self._in_words():
                while block := await asyncio.to_thread(body.read, BLOCK):
                    yield block
        finally:
            body.close()

    async def put(self, file: RepositoryFile, content: bytes, pace: Pace) -> None:
        """Send a file as one object, which is there as a whole or not at all."""
        # Not every server knows the condition, and one that does not may ignore it.
        if await self.size(file) is not None:
            raise FileThereError
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        # Storage with a lock asks for the sum.
        options = {"Key": self._key(file), "ContentMD5": base64.b64encode(digest).decode()}
        try:
            await self._send(content, pace, IfNoneMatch="*", **options)
        except _NotConditionalError:
            await self._send(content, pace, **options)
        except _TakenError:
            raise FileThereError from None

    async def try_to_delete(self, file: RepositoryFile) -> Protection:
        """Delete all versions of an object, if the storage lets us."""
        locked = await self._is_locked()
        options = {"Key": self._key(file)}
        try:
            version = (await self._call("head_object", **options)).get("VersionId")
            if version:
                options["VersionId"] = version
            await self._call("delete_object", **options)
        except _MissingError:
            return Protection.NONE
        except TargetRefusedError:
            return Protection.OBJECT_LOCK if locked else Protection.APPEND_ONLY
        return Protection.NONE

    async def free(self) -> int | None:
        """Return None: storage of this kind has no end that it tells."""
        return None

    async def _is_locked(self) -> bool:
        """Say whether the bucket keeps new objects for a time by default."""
        try:
            found = await self._call("get_object_lock_configuration")
        except ApplianceError:
            return False
        rule = found.get("ObjectLockConfiguration", {}).get("Rule", {})
        return bool(rule.get("DefaultRetention", {}).get("Mode"))

    async def _send(self, content: bytes, pace: Pace, **options: str) -> None:
        loop = asyncio.get_running_loop()

        def wait(size: int) -> None:
            asyncio.run_coroutine_threadsafe(_awaited(pace, size), loop).result()

        body = _PacedBody(content, wait)
        try:
            await self._call("put_object", Body=body, **options)
        except TargetUnreachableError as error:
            # The library hides why its thread could not go on.
            raise body.error or error from None
        finally:
            # The thread of a call that was cancelled ends at its next block.
            body.ended = True

    async def _call(self, name: str, **options: Any) -> Any:  # noqa: ANN401 - as above
        with self._in_words():
            return await asyncio.to_thread(
                getattr(self.client, name), Bucket=self.bucket, **options
            )

    def _key(self, file: RepositoryFile) -> str:
        return f"{self.prefix}{file.path}"

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            # Without the cause: the answer of a server may repeat what it was sent.
            raise self._refusal(str(error.response.get("Error", {}).get("Code", ""))) from None
        except SSLError as error:
            words = "a certificate that no authority of this machine vouches for"
            raise TargetUnprovenError(
                place=self.place, found=words, expected="one that is trusted"
            ) from error
        except (BotoCoreError, OSError) as error:
            reason = "the connection failed, or it does not answer"
            raise TargetUnreachableError(place=self.place, reason=reason) from error

    def _refusal(self, code: str) -> ApplianceError:
        for codes, kind in _ERRORS:
            if code in codes:
                return kind(place=self.place)
        return TargetFailedError(place=self.place, reason=f"S3 error {code or 'without a code'}")


class _MissingError(TargetFailedError):
    """There is no such object."""

    sentence = "{place} does not have an object that it had."


class _TakenError(TargetFailedError):
    """There is an object of this name."""

    sentence = "{place} has an object of this name."


class _NotConditionalError(TargetFailedError):
    """The storage does not know conditions."""

    sentence = "{place} does not know conditions."


_ERRORS: tuple[tuple[set[str], type[ApplianceError]], ...] = (
    (_MISSING, _MissingError),
    (_TAKEN, _TakenError),
    (_NOT_CONDITIONAL, _NotConditionalError),
    (_FULL, TargetFullError),
    (_REFUSED, TargetRefusedError),
)


class _PacedBody(io.BytesIO):
    """Content that is read at full speed for its signature, and then sent block by block."""

    def __init__(self, content: bytes, wait: Callable[[int], None]) -> None:
        super().__init__(content)
        self._wait = wait
        self.is_sent = False
        self.ended = False
        self.error: Exception | None = None

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        if self.ended:
            message = "the copy was ended"
            raise OSError(message)
        block = super().read(size)
        if self.is_sent and block:
            try:
                self._wait(len(block))
            except Exception as error:
                self.error = error
                raise
        return block


def _begin_to_send(request: Any, **_: object) -> None:  # noqa: ANN401 - as above
    """Take note that a request is signed: what is read from now on goes over the line."""
    if isinstance(request.body, _PacedBody):
        request.body.is_sent = True


async def _awaited(pace: Pace, size: int) -> None:
    await pace(size)
