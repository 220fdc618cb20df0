"""The bucket of `[archive] url`, in which the archive creates, reads and probes objects.

A call that fails raises Unavailable with the reason. Source: Amazon S3 API, conditional writes
(If-None-Match).
"""

import re
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import S3Store

from runtime.settings.structs import ArchiveSettings
from schemas.errors import Unavailable

_ANSWER = re.compile(r"status code: (\d{3})[^:]*:?(?:.*?<Code>(\w{1,60})</Code>)?", re.DOTALL)
_REASONS = {
    "401": "the key is not right",
    "403": "the key is not right, or it may not read and write there",
    "404": "there is no such bucket",
}
_LARGE_BYTES = 64 * 1024 * 1024
"""Above it a file goes up in parts, which a store can't make conditional."""


class BucketStore:
    """Objects below the prefix of `s3://BUCKET/PREFIX`. Every call takes a network's time."""

    def __init__(self, settings: ArchiveSettings) -> None:
        self.url = settings.url
        bucket, _, prefix = settings.url.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._store = S3Store(
            bucket,
            config={
                "region": settings.region,
                "virtual_hosted_style_request": not settings.path_style,
                **({"endpoint": settings.endpoint.rstrip("/")} if settings.endpoint else {}),
                **(
                    {
                        "access_key_id": settings.access_key,
                        "secret_access_key": settings.secret_key,
                    }
                    if settings.access_key
                    else {}
                ),
            },
            client_options={
                "allow_http": settings.endpoint.startswith("http://"),
                "timeout": timedelta(seconds=60),
                "connect_timeout": timedelta(seconds=5),
            },
            # A delivery that fails comes again, and a pack is tried again: the caller waits.
            retry_config={"max_retries": 1},
        )

    def create(self, key: str, data: bytes | Path) -> None:
        """Write an object unless it is there."""
        large = isinstance(data, Path) and data.stat().st_size > _LARGE_BYTES
        try:
            if large:
                obstore.put(self._store, self._prefix + key, data)
            else:
                obstore.put(
                    self._store, self._prefix + key, data, mode="create", use_multipart=False
                )
        except AlreadyExistsError:
            return
        except (BaseError, OSError) as error:
            raise self._failure(error) from error

    def read(self, key: str) -> bytes | None:
        """Return an object, None where there is none."""
        try:
            return bytes(obstore.get(self._store, self._prefix + key).bytes())
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise self._failure(error) from error

    def read_range(self, key: str, start: int, size: int) -> bytes | None:
        """Return bytes of an object, None where there is no such object or no such bytes."""
        if size == 0:
            return b""
        try:
            return bytes(
                obstore.get_range(self._store, self._prefix + key, start=start, length=size)
            )
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            if "416" in str(error):
                return None
            raise self._failure(error) from error

    def probe(self) -> None:
        """Write a small object, always the same; raise Unavailable."""
        try:
            obstore.put(self._store, f"{self._prefix}probe", b"santral", use_multipart=False)
        except (BaseError, OSError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> Unavailable:
        """Return the failure in one sentence: a store's own answer has the address and the key."""
        answer = _ANSWER.search(str(error))
        status, code = (answer[1], answer[2] or "") if answer else ("", "")
        reason = _REASONS.get(status) or (f"it answers {status} {code}".strip() if status else "")
        reason = reason or "no answer"
        return Unavailable(
            f"The archive {self.url} can't be used: {reason}. See `url`, `endpoint` and the keys "
            "in [archive]."
        )
