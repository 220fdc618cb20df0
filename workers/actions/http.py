"""Posting: one HTTP request of an action, told apart by what is known of its end.

Before: an action has something to send. After: the vendor's answer. What never left may be tried
again; what may have arrived is Unconfirmed, and never sent twice.
"""

import functools
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx2
import msgspec

from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, OUTAGE_S, RECOVERY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry, retry_after
from workers.actions.protocol import Unconfirmed

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a vendor said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def read(self, kind: type[T]) -> T | None:
        """Return the body as that Struct, None when it is another thing."""
        try:
            return msgspec.json.decode(self.body, type=kind, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Return the trusted certificates, read once because reading takes longer than a request."""
    return httpx2.create_ssl_context()


async def post(
    url: str,
    vendor: str,
    *,
    method: str = "POST",
    timeout_s: float = 30,
    safe: bool = False,
    **request: Any,
) -> Answer:
    """Send a request; raise Retry when it never left, Unconfirmed when nobody knows.

    What is `safe` to repeat, because the vendor takes it once, is Retry in both cases.
    """
    try:
        async with httpx2.AsyncClient(
            timeout=timeout_s, follow_redirects=False, verify=_certificates()
        ) as client:
            found = await client.request(method, url, **request)
            return Answer(status=found.status_code, headers=found.headers, body=found.content)
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise Retry(OUTAGE_S, f"{vendor} can't be reached: {type(error).__name__}") from error
    except httpx2.InvalidURL as error:
        raise Rejected("reply.no_server", f"{vendor}: that is no address") from error
    except (httpx2.LocalProtocolError, ValueError) as error:
        # Nothing was sent: a header or a body can't be written (UnicodeError is a ValueError).
        raise Rejected("reply.unsafe", f"{vendor}: {type(error).__name__}") from error
    except httpx2.HTTPError as error:
        if safe:
            raise Retry(OUTAGE_S, f"{vendor} did not confirm: {type(error).__name__}") from error
        raise Unconfirmed(
            f"{vendor} did not confirm ({type(error).__name__}): it may or may not have been sent"
        ) from error


def refused(answer: Answer, vendor: str, said: str = "") -> Exception:
    """Return what an answer other than success means: by its status, with the vendor's words."""
    words = f"{vendor} answered {answer.status} {said}".strip()[:ERROR_TEXT_LIMIT]
    if answer.status == 429 or (answer.status == 503 and "retry-after" in answer.headers):
        return Retry(later(answer.headers), words)
    # Also a success that can't be read: what is not known is never sent twice.
    if answer.status >= 500 or answer.status in (200, 408):
        return Unconfirmed(f"{words}: it may or may not have been sent")
    return Rejected("reply.refused", words)


def failed(answer: Answer, vendor: str, *, safe: bool = False) -> Exception:
    """Return what a failure of an account's means: a key may be mended, so it is tried again.

    What is `safe` to repeat is tried again after the vendor's own failures, too.
    """
    if answer.status in (401, 403):
        return Retry(ACCOUNT_PROBLEM_S, f"{vendor} refuses the account's key ({answer.status})")
    if safe and answer.status >= 500:
        return Retry(later(answer.headers, RECOVERY_S), f"{vendor} answered {answer.status}")
    return refused(answer, vendor)


class Granted(Record, frozen=True, kw_only=True):
    """An access token (RFC 6749, 5.1)."""

    access_token: str


async def access_token(url: str, vendor: str, form: dict[str, str], **request: Any) -> str:
    """Return an access token; raise Retry when there is none."""
    found = await post(url, vendor, data=form, safe=True, **request)
    made = found.read(Granted)
    if found.status != 200 or made is None:
        raise Retry(ACCOUNT_PROBLEM_S, f"{vendor} gave no access token ({found.status})")
    return made.access_token


async def granted(url: str, vendor: str, form: dict[str, str], **request: Any) -> dict[str, str]:
    """Return the header that an access token makes; raise Retry when there is none."""
    return {"authorization": f"Bearer {await access_token(url, vendor, form, **request)}"}


def later(headers: Mapping[str, str], otherwise: float = RECOVERY_S) -> float:
    """Return the seconds a vendor asks us to wait."""
    return retry_after(headers.get("retry-after", ""), datetime.now(UTC), otherwise)


def to_send(reply_to: str | None, token: str, where: str) -> str:
    """Return where an answer goes; raise Rejected when there is no place or no token for it."""
    if not reply_to:
        raise Rejected("reply.no_address", "the message came without a place to answer to")
    if not token:
        raise Rejected("reply.no_server", f"set `token` in {where}")
    return reply_to
