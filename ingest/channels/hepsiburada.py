"""The Hepsiburada channel takes customers' questions to a merchant, each turn as a message.

Source: developers.hepsiburada.com, ask to seller.
"""

from collections.abc import AsyncIterator, Iterator
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
    unreadable_item,
    window_start,
)
from schemas.account_fields import ApiAddress, Brand, PollInterval
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Answering, Handle, Party

_MAX_ANSWER_CHARS = 2000  # Hepsiburada refuses longer answers
_PAGE_SIZE = 50  # issues
_OUR_SENDERS = frozenset({"merchant", "seller", "satici", "hepsiburada"})


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


class IssueTurn(Record, frozen=True, kw_only=True, rename="camel"):
    """A text of the customer, of the merchant or of Hepsiburada in an issue."""

    id: Text = ""
    content: str | None = ""
    sender: str | None = msgspec.field(default="", name="from")
    type: str | None = ""
    created_at: Text = None


class IssueProduct(Record, frozen=True, kw_only=True):
    """The product that an issue is about."""

    name: str | None = ""
    sku: str | None = ""


class Issue(Record, frozen=True, kw_only=True, rename="camel"):
    """A question with the turns that follow it."""

    issue_number: Text = ""
    status: str | None = ""
    product: IssueProduct | None = None
    conversations: tuple[IssueTurn, ...] = ()
    expire_date: Text = None


class ArchivedTurn(Record, frozen=True, kw_only=True):
    """A turn with its issue, as the archive keeps it."""

    issue: Issue
    turn: IssueTurn


class IssuesPage(Record, frozen=True, kw_only=True):
    """A page of issues, whose list has one of three names."""

    data: tuple[msgspec.Raw, ...] | None = None
    items: tuple[msgspec.Raw, ...] | None = None
    content: tuple[msgspec.Raw, ...] | None = None


class Hepsiburada:
    """The channel of questions on Hepsiburada."""

    name = "hepsiburada"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "each turn of a customer in an issue, with its product"
    ignores = "the merchant's own turns"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one turn, or of the customer's first turn in a captured issue."""
        archived = _read_turn(bytes(archived_item(delivery.raw).item))
        issue, turn = archived.issue, archived.turn
        number = str(issue.issue_number or "")
        if not number or not turn.id:
            raise Rejected("json.invalid", "a turn without its id, or without its issue")
        if _is_ours(turn):
            raise Rejected("delivery.ignored", "the merchant's own turn")
        is_open = (issue.status or "") in ("", "WaitingForAnswer")
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
                    limit=_MAX_ANSWER_CHARS,
                    until=parse_time(issue.expire_date),
                    forbidden="" if is_open else "it was answered already, or its time is over",
                ),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Return whether the settings name a merchant and a key to read its issues with."""
        return bool(settings.merchant and settings.key)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the issues of one merchant."""
        return PolledSource("hepsiburada", account, settings, context, list_turns)


async def list_turns(settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
    """Yield the customers' turns of the last days, in issues of every status."""
    start = window_start(client.now(), settings.window)
    for number in range(MAX_PAGES):
        body = await client.get(
            f"{settings.api}/issues",
            auth=(settings.merchant, settings.key),
            headers={"merchantid": settings.merchant, "user-agent": settings.integrator},
            params={"page": number, "size": _PAGE_SIZE, "minCreatedAt": start.isoformat()},
        )
        issues = _decode_issues(body)
        for raw in issues:
            for item in _items_of(raw):
                yield item
        if len(issues) < _PAGE_SIZE:
            return


def _decode_issues(body: bytes) -> tuple[msgspec.Raw, ...]:
    if body.lstrip()[:1] == b"[":
        return decode_json(tuple[msgspec.Raw, ...], body)
    page = decode_json(IssuesPage, body)
    for issues in (page.data, page.items, page.content):
        if issues is not None:
            return issues
    raise Rejected("json.invalid", "the page has no list of issues")


def _items_of(raw: msgspec.Raw) -> Iterator[PolledItem]:
    """Yield the customer's turns of an issue, or the issue itself when it is unreadable."""
    try:
        issue = decode_json(Issue, raw)
    except Rejected:
        yield unreadable_item(raw)
        return
    bare_issue = msgspec.structs.replace(issue, conversations=())
    for turn in issue.conversations:
        if not _is_ours(turn):
            yield PolledItem(
                id=str(turn.id or content_hash(issue.issue_number, turn.content)),
                raw=msgspec.json.encode(ArchivedTurn(issue=bare_issue, turn=turn)),
                created_at=parse_time(turn.created_at),
            )


def _read_turn(item: bytes) -> ArchivedTurn:
    """Return a turn with its issue; of a captured issue, the customer's first turn."""
    if "turn" in decode_json(dict[str, msgspec.Raw], item):
        return decode_json(ArchivedTurn, item)
    issue = decode_json(Issue, item)
    first = next((turn for turn in issue.conversations if not _is_ours(turn)), None)
    if first is None:
        raise Rejected("delivery.ignored", "no turn of the customer")
    return ArchivedTurn(issue=issue, turn=first)


def _is_ours(turn: IssueTurn) -> bool:
    is_our_sender = (turn.sender or "").lower() in _OUR_SENDERS
    return is_our_sender or (turn.type or "").lower() == "answer"
