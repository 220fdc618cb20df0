"""Trendyol: customers' questions to a seller.

Before: the seller's panel holds questions. After: accept publishes. An answer that Trendyol
refuses puts the same question up again: that is a message of its own. Source:
developers.trendyol.com, question and answer services.
"""

import functools
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
    build_item,
    window_start,
)
from schemas.account_fields import ApiAddress, Brand, PollInterval
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Answering, Handle, Party, Post

LIMIT = 2000
_SIZE = 50


class Account(Record, frozen=True, kw_only=True):
    """One seller and its integration."""

    brand: Brand = ""
    seller: Annotated[str, msgspec.Meta(description="The seller's number.")] = ""
    key: Annotated[str, msgspec.Meta(description="The key of the integration.")] = ""
    secret: Annotated[str, msgspec.Meta(description="The secret of the integration.")] = ""
    api: ApiAddress = "https://apigw.trendyol.com"
    window: Annotated[
        timedelta, msgspec.Meta(description="The age up to which questions are read again.")
    ] = timedelta(days=7)
    poll: PollInterval = timedelta(minutes=2)


class Question(Record, frozen=True, kw_only=True, rename="camel"):
    """A question."""

    id: Text = ""
    text: str | None = ""
    customer_id: Text = ""
    user_name: str | None = ""
    status: str = ""
    product_name: str | None = ""
    web_url: str | None = ""
    creation_date: Text = None
    rejected_date: Text = 0
    reason: str | None = ""


class QuestionsPage(Record, frozen=True, kw_only=True, rename="camel"):
    """A page of questions."""

    content: tuple[msgspec.Raw, ...] = ()
    total_pages: Text = 1


class Trendyol:
    """The channel and its poll."""

    name = "trendyol"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "questions with their product, and again those whose answer Trendyol refused"
    ignores = "nothing that the seller's panel has"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one question."""
        told = decode_json(Question, archived_item(delivery.raw).item)
        number = str(told.id or "")
        if not number:
            raise Rejected("json.invalid", "a question without its id")
        refused = _refused(told)
        native = f"{number}@{told.rejected_date}" if refused else number
        who = str(told.customer_id or number)
        text = told.text or ""
        note = (
            f"\n[Trendyol refused the answer: {told.reason or 'no reason given'}]"
            if refused
            else ""
        )
        return Parsed(
            message=build_message(
                "trendyol",
                delivery,
                context,
                native_id=native,
                root=number,
                kind="post",
                text=text,
                full_text=text + note,
                subject=told.product_name or "",
                sender=Party(
                    name=told.user_name or "",
                    handles=(Handle(kind="handle", value=f"trendyol:{who}"),),
                ),
                sent_at=parse_time(told.creation_date),
                post=Post(url=told.web_url or None),
                reply_to=number,
                thread=(number,),
                flags=("answer_refused",) if refused else (),
                answering=_answering(told.status),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Say whether there is a seller to ask for."""
        return bool(settings.seller and settings.key and settings.secret)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the poll of one seller."""
        return PolledSource("trendyol", account, settings, context, items)


def _refused(told: Question) -> bool:
    return str(told.rejected_date or "0") != "0" and told.status == "WAITING_FOR_ANSWER"


def _answering(status: str) -> Answering:
    done = (
        "it was answered already, or its time is over"
        if status in ("ANSWERED", "REPORTED", "REJECTED", "UNANSWERED")
        else ""
    )
    return Answering(limit=LIMIT, public=True, forbidden=done)


def _item(raw: msgspec.Raw) -> PolledItem:
    told = decode_json(Question, raw)
    own = str(told.id or "")
    if own and _refused(told):
        own = f"{own}@{told.rejected_date}"
    return PolledItem(id=own, raw=bytes(raw), created_at=parse_time(told.creation_date))


async def items(settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
    """Yield the questions of the last days, of every status."""
    url = f"{settings.api}/integration/qna/sellers/{settings.seller}/questions/filter"
    start, end = window_start(client.now(), settings.window), client.now()
    for number in range(MAX_PAGES):
        raw = await client.get(
            url,
            auth=(settings.key, settings.secret),
            headers={"user-agent": f"{settings.seller} - SelfIntegration"},
            params={
                "page": number,
                "size": _SIZE,
                "startDate": int(start.timestamp() * 1000),
                "endDate": int(end.timestamp() * 1000),
                "orderByField": "LastModifiedDate",
            },
        )
        page = decode_json(QuestionsPage, raw)
        for one in page.content:
            yield build_item(one, functools.partial(_item, one))
        if len(page.content) < _SIZE:
            return
