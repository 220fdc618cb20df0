"""Hepsiburada: customers' questions to a merchant.

Before: the merchant's panel holds issues. After: accept publishes each of the customer's turns.
Source: developers.hepsiburada.com, ask to seller.
"""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, Parsed, build_message
from ingest.parsing.json_values import Text, decode_json, parse_time
from ingest.source import Source, SourceContext
from ingest.sources.polling import (
    MAX_PAGES,
    PolledItem,
    PolledSource,
    VendorClient,
    archived_item,
    content_hash,
    window_start,
)
from schemas.account_fields import ApiAddress, Brand, PollInterval
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Answering, Handle, Party

LIMIT = 2000
_SIZE = 50
_OURS = frozenset({"merchant", "seller", "satici", "hepsiburada"})


class Account(Record, frozen=True, kw_only=True):
    """One merchant."""

    brand: Brand = ""
    merchant: Annotated[str, msgspec.Meta(description="The merchant's id.")] = ""
    key: Annotated[str, msgspec.Meta(description="The key of the integration.")] = ""
    integrator: Annotated[
        str, msgspec.Meta(description="The name of the integration, sent as its User-Agent.")
    ] = ""
    api: ApiAddress = "https://api-asktoseller-merchant.hepsiburada.com/api/v1.0"
    window: Annotated[
        timedelta, msgspec.Meta(description="The age up to which issues are read again.")
    ] = timedelta(days=7)
    poll: PollInterval = timedelta(minutes=2)


class IssueMessage(Record, frozen=True, kw_only=True, rename="camel"):
    """Something that was said."""

    id: Text = ""
    content: str | None = ""
    sender: str | None = msgspec.field(default="", name="from")
    type: str | None = ""
    created_at: Text = None


class Product(Record, frozen=True, kw_only=True):
    """What it is about."""

    name: str | None = ""
    sku: str | None = ""


class Issue(Record, frozen=True, kw_only=True, rename="camel"):
    """A question and what followed it."""

    issue_number: Text = ""
    status: str | None = ""
    product: Product | None = None
    conversations: tuple[IssueMessage, ...] = ()
    expire_date: Text = None


class ArchivedIssueMessage(Record, frozen=True, kw_only=True):
    """One turn with its issue, as the archive keeps it."""

    issue: Issue
    turn: IssueMessage


class Hepsiburada:
    """The channel and its poll."""

    name = "hepsiburada"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "each turn of a customer in an issue, with its product"
    ignores = "the merchant's own turns"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one turn, or of a captured issue's first."""
        raw = bytes(archived_item(delivery.raw).item)
        keys = decode_json(dict[str, msgspec.Raw], raw).keys()
        told = (
            decode_json(ArchivedIssueMessage, raw)
            if "turn" in keys
            else _first(decode_json(Issue, raw))
        )
        issue, turn = told.issue, told.turn
        number = str(issue.issue_number or "")
        if not number or not turn.id:
            raise Rejected("json.invalid", "a turn without its id, or without its issue")
        if _ours(turn):
            raise Rejected("delivery.ignored", "the merchant's own turn")
        open_ = (issue.status or "") in ("", "WaitingForAnswer")
        until = parse_time(issue.expire_date)
        return Parsed(
            message=build_message(
                "hepsiburada",
                delivery,
                context,
                native_id=str(turn.id),
                root=number,
                kind="post",
                text=turn.content or "",
                subject=(issue.product.name if issue.product else "") or "",
                sender=Party(handles=(Handle(kind="handle", value=f"hepsiburada:{number}"),)),
                sent_at=parse_time(turn.created_at),
                reply_to=number,
                thread=(number,),
                answering=Answering(
                    limit=LIMIT,
                    until=until,
                    forbidden="" if open_ else "it was answered already, or its time is over",
                ),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Say whether there is a merchant to ask for."""
        return bool(settings.merchant and settings.key)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the poll of one merchant."""
        return PolledSource("hepsiburada", account, settings, context, items)


def _ours(turn: IssueMessage) -> bool:
    return (turn.sender or "").lower() in _OURS or (turn.type or "").lower() == "answer"


def _first(issue: Issue) -> ArchivedIssueMessage:
    theirs = [t for t in issue.conversations if not _ours(t)]
    if not theirs:
        raise Rejected("delivery.ignored", "no turn of a customer's")
    return ArchivedIssueMessage(issue=issue, turn=theirs[0])


async def items(settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
    """Yield the customers' turns of the last days, in issues of every status."""
    start = window_start(client.now(), settings.window)
    for number in range(MAX_PAGES):
        raw = await client.get(
            f"{settings.api}/issues",
            auth=(settings.merchant, settings.key),
            headers={"merchantid": settings.merchant, "user-agent": settings.integrator},
            params={"page": number, "size": _SIZE, "minCreatedAt": start.isoformat()},
        )
        found = _issues(raw)
        for raw_issue in found:
            try:
                issue = decode_json(Issue, raw_issue)
            except Rejected:
                yield PolledItem(
                    id=hashlib.sha256(bytes(raw_issue)).hexdigest(), raw=bytes(raw_issue)
                )
                continue
            for turn in issue.conversations:
                if not _ours(turn):
                    bare = msgspec.structs.replace(issue, conversations=())
                    kept = msgspec.json.encode(ArchivedIssueMessage(issue=bare, turn=turn))
                    own = str(turn.id or content_hash(issue.issue_number, turn.content))
                    yield PolledItem(id=own, raw=kept, created_at=parse_time(turn.created_at))
        if len(found) < _SIZE:
            return


class IssuesPage(Record, frozen=True, kw_only=True):
    """A page of issues, under either name."""

    data: tuple[msgspec.Raw, ...] | None = None
    items: tuple[msgspec.Raw, ...] | None = None
    content: tuple[msgspec.Raw, ...] | None = None


def _issues(raw: bytes) -> tuple[msgspec.Raw, ...]:
    if raw.lstrip()[:1] == b"[":
        return decode_json(tuple[msgspec.Raw, ...], raw)
    page = decode_json(IssuesPage, raw)
    for found in (page.data, page.items, page.content):
        if found is not None:
            return found
    raise Rejected("json.invalid", "no list of issues where one is due")
