"""Şikayetvar: the complaints about a brand, by the API for brands.

Before: the brand's panel holds complaints. After: accept publishes; a complaint whose words change
is an event of it. The first page's number is not documented, and is a setting. Source:
api.sikayetplus.com, as a client of it uses it; its own pages were not read.
"""

import functools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, Parsed, build_message
from ingest.parsing.html.text import to_text
from ingest.parsing.json_values import Text, decode_json, parse_time
from ingest.source import Source, SourceContext
from ingest.sources.polling import (
    MAX_PAGES,
    PolledItem,
    PolledSource,
    VendorClient,
    archived_item,
    build_item,
    content_hash,
    identify_version,
    window_start,
)
from schemas.account_fields import ApiAddress, Brand, PollInterval
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Answering, Handle, HandleKind, Party, Post

LIMIT = 5000
_SIZE = 50
_KINDS: dict[str, HandleKind] = {"email": "email", "phone": "phone", "gsm": "phone"}


class Account(Record, frozen=True, kw_only=True):
    """One brand's account."""

    brand: Brand = ""
    key: Annotated[str, msgspec.Meta(description="The brand's X-Auth-Key.")] = ""
    api: ApiAddress = "https://api.sikayetplus.com"
    first_page: Annotated[
        int, msgspec.Meta(description="The number of the first page, which is not documented.")
    ] = 0
    window: Annotated[
        timedelta, msgspec.Meta(description="The age up to which complaints are read again.")
    ] = timedelta(days=3)
    poll: PollInterval = timedelta(minutes=2)


class MemberIdentity(Record, frozen=True, kw_only=True, rename="camel"):
    """A way to know the customer."""

    identity_type: str | None = ""
    identity_value: str | None = ""


class Member(Record, frozen=True, kw_only=True):
    """Who complains."""

    name: str | None = ""
    identities: tuple[MemberIdentity, ...] = ()
    city: Any = None


class Content(Record, frozen=True, kw_only=True):
    """What is complained of."""

    title: str | None = ""
    body: str | None = ""


class SikayetvarComplaint(Record, frozen=True, kw_only=True, rename="camel"):
    """A complaint."""

    id: Text = ""
    content: Content = Content()
    member: Member = Member()
    complaint_url: str | None = ""
    complain_time: Text = None


class Sikayetvar:
    """The channel and its poll."""

    name = "sikayetvar"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "the brand's complaints with title, text, author and link"
    ignores = "nothing that the brand's panel has"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one complaint."""
        told = decode_json(SikayetvarComplaint, archived_item(delivery.raw).item)
        number = str(told.id or "")
        if not number:
            raise Rejected("json.invalid", "a complaint without its id")
        native, event = identify_version(
            "sikayetvar", delivery, number, archived_item(delivery.raw).version
        )
        title, body = told.content.title or "", to_text(told.content.body or "")
        return Parsed(
            message=build_message(
                "sikayetvar",
                delivery,
                context,
                native_id=native,
                root=number,
                kind="post",
                subject=title,
                event=event,
                text=body or title,
                sent_at=parse_time(told.complain_time),
                sender=Party(name=told.member.name or "", handles=_handles(told.member, number)),
                post=Post(url=told.complaint_url or None),
                reply_to=number,
                thread=(number,),
                answering=Answering(limit=LIMIT, public=True),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Say whether there is an account to ask."""
        return bool(settings.key)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the poll of one brand."""
        return PolledSource("sikayetvar", account, settings, context, items)


def _handles(member: Member, number: str) -> tuple[Handle, ...]:
    found = []
    for one in member.identities:
        kind = _KINDS.get((one.identity_type or "").lower())
        if kind and one.identity_value:
            value = one.identity_value.lower() if kind == "email" else one.identity_value
            found.append(Handle(kind=kind, value=value[:512]))
    return tuple(found) or (Handle(kind="handle", value=f"sikayetvar:{number}"),)


def _item(raw: msgspec.Raw) -> PolledItem:
    told = decode_json(SikayetvarComplaint, raw)
    version = content_hash(told.content.title, told.content.body)
    return PolledItem(
        id=str(told.id or ""),
        raw=bytes(raw),
        version=version,
        created_at=parse_time(told.complain_time),
    )


async def items(settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
    """Yield the complaints of the last days, page by page."""
    body = {
        "filters": {
            "complainingAfterDate": window_start(client.now(), settings.window).strftime(
                "%Y-%m-%dT%H:%M:%SZ"
            ),
            "publishStatuses": [2, 3, 5],
        },
        "projections": ["ALL"],
    }
    for number in range(MAX_PAGES):
        page = settings.first_page + number
        found = await client.post(
            f"{settings.api}/v2/complaints",
            params={"page": page, "size": _SIZE},
            json=body,
            headers={"x-auth-key": settings.key},
        )
        complaints = decode_json(tuple[msgspec.Raw, ...], found.body)
        for raw in complaints:
            yield build_item(raw, functools.partial(_item, raw))
        if len(complaints) < _SIZE:
            return
