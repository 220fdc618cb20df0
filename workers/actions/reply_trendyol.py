"""Answers questions on Trendyol in public.

A second sending would be a second answer, so an unclear end is never repeated.
Source: developers.trendyol.com, customer questions.
"""

from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.errors import Rejected
from schemas.outcome import Reply
from workers.actions.http import (
    error_for_account,
    is_accepted,
    post,
    require_item_number,
    require_target,
)

_MIN_ANSWER_CHARS = 10
"""Trendyol refuses shorter answers."""


class TrendyolReplyAccount(Record, frozen=True, kw_only=True):
    """The seller on Trendyol."""

    seller: Annotated[str, msgspec.Meta(description="The seller's number.")] = ""
    key: Annotated[str, msgspec.Meta(description="The key of the integration.")] = ""
    secret: Annotated[str, msgspec.Meta(description="The secret of the integration.")] = ""
    api: ApiAddress = "https://apigw.trendyol.com"
    timeout_s: SendTimeout = 30


class ReplyTrendyol:
    """The action for questions on Trendyol."""

    name = "reply_trendyol"
    channel = "trendyol"
    account = TrendyolReplyAccount
    shares: tuple[str, ...] = ("seller", "key", "secret", "api")
    required: tuple[str, ...] = ("secret",)

    async def send(self, reply: Reply, settings: TrendyolReplyAccount, signing_key: bytes) -> str:
        """Send one reply; Trendyol takes 10 to 2,000 characters, once."""
        target = require_target(reply.reply_to, settings.secret, "[channels.trendyol.ACCOUNT]")
        question = require_item_number(target)
        if len(reply.text) < _MIN_ANSWER_CHARS:
            raise Rejected("reply.refused", "Trendyol takes no answer under 10 characters")
        questions = f"{settings.api}/integration/qna/sellers/{settings.seller}/questions"
        response = await post(
            f"{questions}/{question}/answers",
            "Trendyol",
            json={"text": reply.text},
            timeout_s=settings.timeout_s,
            auth=(settings.key, settings.secret),
            headers={"user-agent": f"{settings.seller} - SelfIntegration"},
        )
        if not is_accepted(response):
            raise error_for_account(response, "Trendyol")
        return "taken"
