"""The complaints about a brand on Şikayetvar, by its API for brands.

A complaint whose text changes is an event of the first one. The number of the first page is a
setting, because no public page documents it. Source: api.sikayetplus.com, read from a client of it.
"""

import functools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Literal

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

_MAX_ANSWER_CHARS = 5000
_PAGE_SIZE = 50
_MAX_HANDLE_CHARS = 512
_PUBLISH_STATUSES = (2, 3, 5)  # as the client of the API has them
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
    """A mail address or phone number of a member."""

    identity_type: str | None = ""
    identity_value: str | None = ""


class Member(Record, frozen=True, kw_only=True):
    """The customer, who is a member of Şikayetvar."""

    name: str | None = ""
    identities: tuple[MemberIdentity, ...] = ()


class ComplaintContent(Record, frozen=True, kw_only=True):
    """The text of a complaint, in HTML."""

    title: str | None = ""
    body: str | None = ""


class SikayetvarComplaint(Record, frozen=True, kw_only=True, rename="camel"):
    """A complaint in the panel of its brand."""

    id: Text = ""
    content: ComplaintContent = ComplaintContent()
    member: Member = Member()
    complaint_url: str | None = ""
    complain_time: Text = None


class Sikayetvar:
    """The channel of Şikayetvar and its poll."""

    name = "sikayetvar"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "the brand's complaints with title, text, author and link"
    ignores = "nothing that the brand's panel has"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one complaint."""
        archived = archived_item(delivery.raw)
        complaint = decode_json(SikayetvarComplaint, archived.item)
        complaint_id = str(complaint.id or "")
        if not complaint_id:
            raise Rejected("json.invalid", "a complaint without its id")
        native_id, event = identify_version("sikayetvar", delivery, complaint_id, archived.version)
        title, body = complaint.content.title or "", to_text(complaint.content.body or "")
        member = complaint.member
        return Parsed(
            message=build_message(
                "sikayetvar",
                delivery,
                context,
                native_id=native_id,
                root=complaint_id,
                kind="post",
                subject=title,
                event=event,
                text=body or title,
                sent_at=parse_time(complaint.complain_time),
                sender=Party(name=member.name or "", handles=_handles(member, complaint_id)),
                post=Post(url=complaint.complaint_url or None),
                reply_to=complaint_id,
                thread=(complaint_id,),
                answering=Answering(limit=_MAX_ANSWER_CHARS, public=True),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Return whether the account has a key."""
        return bool(settings.key)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the poll of one brand."""
        return PolledSource("sikayetvar", account, settings, context, list_complaints)


def _handles(member: Member, complaint_id: str) -> tuple[Handle, ...]:
    """Return the member's address and number; the complaint itself where the API hides both."""
    handles = []
    for identity in member.identities:
        kind = _KINDS.get((identity.identity_type or "").lower())
        if kind and identity.identity_value:
            text = identity.identity_value
            value = text.lower() if kind == "email" else text
            handles.append(Handle(kind=kind, value=value[:_MAX_HANDLE_CHARS]))
    return tuple(handles) or (Handle(kind="handle", value=f"sikayetvar:{complaint_id}"),)


async def list_complaints(settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
    """Yield the complaints of the last days, page by page."""
    since = window_start(client.now(), settings.window)
    query = {
        "filters": {
            "complainingAfterDate": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "publishStatuses": _PUBLISH_STATUSES,
        },
        "projections": ["ALL"],
    }
    for index in range(MAX_PAGES):
        response = await client.post(
            f"{settings.api}/v2/complaints",
            params={"page": settings.first_page + index, "size": _PAGE_SIZE},
            json=query,
            headers={"x-auth-key": settings.key},
        )
        complaints = decode_json(tuple[msgspec.Raw, ...], response.body)
        for raw in complaints:
            yield build_item(raw, functools.partial(_complaint_item, raw))
        if len(complaints) < _PAGE_SIZE:
            return


def _complaint_item(raw: msgspec.Raw) -> PolledItem:
    complaint = decode_json(SikayetvarComplaint, raw)
    return PolledItem(
        id=str(complaint.id or ""),
        raw=bytes(raw),
        version=content_hash(complaint.content.title, complaint.content.body),
        created_at=parse_time(complaint.complain_time),
    )
