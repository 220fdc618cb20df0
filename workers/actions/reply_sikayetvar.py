"""Answers complaints on Şikayetvar in public.

A second sending would be a second answer, so an unclear end is never repeated.
Source: api.sikayetplus.com, as its clients use it.
"""

from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.errors import ERROR_TEXT_LIMIT
from schemas.outcome import Reply
from workers.actions.http import (
    error_for_account,
    is_accepted,
    post,
    require_item_number,
    require_target,
)


class SikayetvarReplyAccount(Record, frozen=True, kw_only=True):
    """The brand's account on Şikayetvar."""

    key: Annotated[str, msgspec.Meta(description="The brand's X-Auth-Key.")] = ""
    api: ApiAddress = "https://api.sikayetplus.com"
    timeout_s: SendTimeout = 30


class ReplySikayetvar:
    """The action for complaints on Şikayetvar."""

    name = "reply_sikayetvar"
    channel = "sikayetvar"
    account = SikayetvarReplyAccount
    shares: tuple[str, ...] = ("key", "api")
    required: tuple[str, ...] = ("key",)

    async def send(self, reply: Reply, settings: SikayetvarReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return the answer's id."""
        target = require_target(reply.reply_to, settings.key, "[channels.sikayetvar.ACCOUNT]")
        response = await post(
            f"{settings.api}/v2/complaints/{require_item_number(target)}/answers",
            "Şikayetvar",
            json={"message": reply.text, "attachments": []},
            timeout_s=settings.timeout_s,
            headers={"x-auth-key": settings.key},
        )
        if not is_accepted(response):
            raise error_for_account(response, "Şikayetvar")
        return response.headers.get("complaintanswerid", "taken")[:ERROR_TEXT_LIMIT]
