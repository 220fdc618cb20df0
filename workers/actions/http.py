"""Sends one HTTP request of an action and turns each failure into the sender's words.

A request that never left is a Retry. A request that may have arrived is Unconfirmed, because the
sender must not repeat it.
"""

import functools
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict, TypeVar, Unpack

import httpx2
import msgspec

from schemas.delays import ACCOUNT_PROBLEM_S, OUTAGE_S, RECOVERY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry, retry_after
from workers.actions.protocol import ServerAway, Unconfirmed

T = TypeVar("T")


class RequestContent(TypedDict, total=False):
    """The headers, login and body of a request, by httpx2's names."""

    headers: Mapping[str, str]
    auth: tuple[str, str]
    json: object
    data: Mapping[str, str]
    files: Mapping[str, tuple[str | None, bytes]]


@dataclass(frozen=True, kw_only=True)
class ActionResponse:
    """A vendor's response to one request of an action."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def decode(self, kind: type[T]) -> T | None:
        """Return the JSON body as that type, or None if it is something else."""
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
    **content: Unpack[RequestContent],
) -> ActionResponse:
    """Send a request; raise Retry if it never left, Unconfirmed if it may have arrived.

    A request that is `safe` to repeat, because the vendor takes it once, is Retry in both cases.
    """
    try:
        async with httpx2.AsyncClient(
            timeout=timeout_s, follow_redirects=False, verify=_certificates()
        ) as client:
            response = await client.request(method, url, **content)
            return ActionResponse(
                status=response.status_code, headers=response.headers, body=response.content
            )
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise ServerAway(OUTAGE_S, f"{vendor} can't be reached: {type(error).__name__}") from error
    except httpx2.InvalidURL as error:
        raise Rejected("reply.no_server", f"{vendor}: the address is not valid") from error
    except (httpx2.LocalProtocolError, ValueError) as error:
        # Nothing was sent: a header or a body can't be written (UnicodeError is a ValueError).
        raise Rejected("reply.unsafe", f"{vendor}: {type(error).__name__}") from error
    except httpx2.HTTPError as error:
        if safe:
            raise Retry(OUTAGE_S, f"{vendor} did not confirm: {type(error).__name__}") from error
        raise Unconfirmed(
            f"{vendor} did not confirm ({type(error).__name__}): it may or may not have been sent"
        ) from error


def error_for_response(response: ActionResponse, vendor: str, detail: str = "") -> Exception:
    """Return the error for a response other than success, by its status.

    `detail` is the vendor's own explanation.
    """
    text = f"{vendor} answered {response.status} {detail}".strip()[:ERROR_TEXT_LIMIT]
    if response.status == 429 or (response.status == 503 and "retry-after" in response.headers):
        return Retry(retry_delay(response.headers), text)
    # A success with an unreadable body is unconfirmed too, so that nothing leaves twice.
    if response.status >= 500 or response.status in (200, 408):
        return Unconfirmed(f"{text}: it may or may not have been sent")
    return Rejected("reply.refused", text)


def error_for_account(response: ActionResponse, vendor: str, *, safe: bool = False) -> Exception:
    """Return the error for a response that may be the account's fault.

    A refused key is a Retry, since a person can renew it. A request that is `safe` to repeat is a
    Retry after the vendor's own failures too.
    """
    if response.status in (401, 403):
        return Retry(ACCOUNT_PROBLEM_S, f"{vendor} refuses the account's key ({response.status})")
    if safe and response.status >= 500:
        return Retry(retry_delay(response.headers), f"{vendor} answered {response.status}")
    return error_for_response(response, vendor)


def retry_delay(headers: Mapping[str, str], default: float = RECOVERY_S) -> float:
    """Return the seconds that a vendor's Retry-After asks us to wait, or `default`."""
    return retry_after(headers.get("retry-after", ""), datetime.now(UTC), default)


def require_target(reply_to: str | None, token: str, table: str) -> str:
    """Return the target of an answer; raise Rejected without one or without a token for it.

    `table` names the settings in which the token belongs.
    """
    if not reply_to:
        raise Rejected("reply.no_address", "the message has no address to answer to")
    if not token:
        raise Rejected("reply.no_server", f"set `token` in {table}")
    return reply_to


def split_target(target: str, vendor: str) -> tuple[str, str]:
    """Return our side and the customer's side of `ours/theirs`; raise Rejected without both."""
    ours, _, recipient = target.partition("/")
    if not ours or not recipient:
        raise Rejected("reply.no_address", f"{vendor}: {target!r} names no recipient")
    return ours, recipient


def require_item_number(target: str) -> str:
    """Return the number of a complaint or question; raise Rejected if it is something else."""
    if not (target.isascii() and target.replace("-", "").isalnum()):
        raise Rejected("reply.no_address", f"{target!r} is not the number of an item")
    return target


def is_accepted(response: ActionResponse) -> bool:
    """Say whether a site took an answer; the sites differ in the status they use."""
    return response.status in (200, 201, 202, 204)
