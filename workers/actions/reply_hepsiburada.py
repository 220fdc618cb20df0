"""Answers questions on Hepsiburada in public.

A second sending would be a second answer, so an unclear end is never repeated.
Source: developers.hepsiburada.com, ask to seller.
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


class HepsiburadaReplyAccount(Record, frozen=True, kw_only=True):
    """The merchant on Hepsiburada."""

    merchant: Annotated[str, msgspec.Meta(description="The merchant's id.")] = ""
    key: Annotated[str, msgspec.Meta(description="The key of the integration.")] = ""
    integrator: Annotated[str, msgspec.Meta(description="The name of the integration.")] = ""
    api: ApiAddress = "https://api-asktoseller-merchant.hepsiburada.com/api/v1.0"
    timeout_s: SendTimeout = 30


class ReplyHepsiburada:
    """The action for questions on Hepsiburada."""

    name = "reply_hepsiburada"
    channel = "hepsiburada"
    account = HepsiburadaReplyAccount
    shares: tuple[str, ...] = ("merchant", "key", "integrator", "api")
    required: tuple[str, ...] = ("key",)

    async def send(
        self, reply: Reply, settings: HepsiburadaReplyAccount, signing_key: bytes
    ) -> str:
        """Send one reply; return Hepsiburada's id of it."""
        target = require_target(reply.reply_to, settings.key, "[channels.hepsiburada.ACCOUNT]")
        response = await post(
            f"{settings.api}/issues/{require_item_number(target)}/answer",
            "Hepsiburada",
            files={"Answer": (None, reply.text.encode())},
            timeout_s=settings.timeout_s,
            auth=(settings.merchant, settings.key),
            headers={"merchantid": settings.merchant, "user-agent": settings.integrator},
        )
        if not is_accepted(response):
            raise error_for_account(response, "Hepsiburada")
        return (response.decode(str) or "taken")[:ERROR_TEXT_LIMIT]
