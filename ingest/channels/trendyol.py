"""The Trendyol channel takes customers' questions to a seller.

Trendyol asks a question again whose answer it refused, which is a message of its own.
Source: developers.trendyol.com, question and answer services.
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

_MAX_ANSWER_CHARS = 2000  # Trendyol refuses longer answers
_PAGE_SIZE = 50  # questions; Trendyol gives no more at one time
_CLOSED_STATUSES = frozenset({"ANSWERED", "REPORTED", "REJECTED", "UNANSWERED"})


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
    """A question; after a refused answer it has the time and the reason of the refusal."""

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


class Trendyol:
    """The channel of questions on Trendyol."""

    name = "trendyol"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "questions with their product, and again those whose answer Trendyol refused"
    ignores = "nothing that the seller's panel has"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one question."""
        question = decode_json(Question, archived_item(delivery.raw).item)
        number, native_id = str(question.id or ""), _native_id(question)
        if not number:
            raise Rejected("json.invalid", "a question without its id")
        customer = str(question.customer_id or number)
        text, note = question.text or "", ""
        is_asked_again = _is_asked_again(question)
        if is_asked_again:
            reason = question.reason or "no reason given"
            note = f"\n[Trendyol refused the answer: {reason}]"
        return Parsed(
            message=build_message(
                "trendyol",
                delivery,
                context,
                native_id=native_id,
                root=number,
                kind="post",
                text=text,
                full_text=text + note,
                subject=question.product_name or "",
                sender=Party(
                    name=question.user_name or "",
                    handles=(Handle(kind="handle", value=f"trendyol:{customer}"),),
                ),
                sent_at=parse_time(question.creation_date),
                post=Post(url=question.web_url or None),
                reply_to=number,
                thread=(number,),
                flags=("answer_refused",) if is_asked_again else (),
                answering=_answering(question.status),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Return whether the settings name a seller and a key to read its questions with."""
        return bool(settings.seller and settings.key and settings.secret)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the questions of one seller."""
        return PolledSource("trendyol", account, settings, context, list_questions)


async def list_questions(settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
    """Yield the questions of the last days, of every status."""
    url = f"{settings.api}/integration/qna/sellers/{settings.seller}/questions/filter"
    start, end = window_start(client.now(), settings.window), client.now()
    for number in range(MAX_PAGES):
        body = await client.get(
            url,
            auth=(settings.key, settings.secret),
            headers={"user-agent": f"{settings.seller} - SelfIntegration"},
            params={
                "page": number,
                "size": _PAGE_SIZE,
                "startDate": int(start.timestamp() * 1000),
                "endDate": int(end.timestamp() * 1000),
                "orderByField": "LastModifiedDate",
            },
        )
        page = decode_json(QuestionsPage, body)
        for raw in page.content:
            yield build_item(raw, functools.partial(_item_of, raw))
        if len(page.content) < _PAGE_SIZE:
            return


def _item_of(raw: msgspec.Raw) -> PolledItem:
    question = decode_json(Question, raw)
    return PolledItem(
        id=_native_id(question), raw=bytes(raw), created_at=parse_time(question.creation_date)
    )


def _native_id(question: Question) -> str:
    """Return the id of a question, of its own for one that Trendyol asks again; empty without."""
    number = str(question.id or "")
    if number and _is_asked_again(question):
        return f"{number}@{question.rejected_date}"
    return number


def _is_asked_again(question: Question) -> bool:
    """Return whether Trendyol refused the answer to a question that is open again."""
    was_refused = str(question.rejected_date or "0") != "0"
    return was_refused and question.status == "WAITING_FOR_ANSWER"


def _answering(status: str) -> Answering:
    is_closed = status in _CLOSED_STATUSES
    forbidden = "it was answered already, or its time is over" if is_closed else ""
    return Answering(limit=_MAX_ANSWER_CHARS, public=True, forbidden=forbidden)
