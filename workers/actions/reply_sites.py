"""Answers on Şikayetvar, Trendyol and Hepsiburada: in public, by their own APIs.

Before: workers/deliveries/tries.py may send the Reply. After: the customer's page there. None of
them makes a second sending harmless. Source: api.sikayetplus.com as a client uses it;
developers.trendyol.com; developers.hepsiburada.com.
"""

from typing import Annotated, Any

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.errors import ERROR_TEXT_LIMIT, Rejected
from schemas.outcome import Reply
from workers.actions.http import Answer, failed, post, to_send


class Complaints(Record, frozen=True, kw_only=True):
    """The brand's account on Şikayetvar."""

    key: Annotated[str, msgspec.Meta(description="The brand's X-Auth-Key.")] = ""
    api: ApiAddress = "https://api.sikayetplus.com"
    timeout_s: SendTimeout = 30


class Seller(Record, frozen=True, kw_only=True):
    """The seller on Trendyol."""

    seller: Annotated[str, msgspec.Meta(description="The seller's number.")] = ""
    key: Annotated[str, msgspec.Meta(description="The key of the integration.")] = ""
    secret: Annotated[str, msgspec.Meta(description="The secret of the integration.")] = ""
    api: ApiAddress = "https://apigw.trendyol.com"
    timeout_s: SendTimeout = 30


class Merchant(Record, frozen=True, kw_only=True):
    """The merchant on Hepsiburada."""

    merchant: Annotated[str, msgspec.Meta(description="The merchant's id.")] = ""
    key: Annotated[str, msgspec.Meta(description="The key of the integration.")] = ""
    integrator: Annotated[str, msgspec.Meta(description="The name of the integration.")] = ""
    api: ApiAddress = "https://api-asktoseller-merchant.hepsiburada.com/api/v1.0"
    timeout_s: SendTimeout = 30


class ReplySikayetvar:
    """The action for complaints on Şikayetvar."""

    name = "reply_sikayetvar"
    channel = "sikayetvar"
    account: type[msgspec.Struct] = Complaints
    shares: tuple[str, ...] = ("key", "api")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return the answer's id."""
        number = _number(to_send(reply.reply_to, settings.key, "[channels.sikayetvar.ACCOUNT]"))
        answer = await post(
            f"{settings.api}/v2/complaints/{number}/answers",
            "Şikayetvar",
            json={"message": reply.text, "attachments": []},
            timeout_s=settings.timeout_s,
            headers={"x-auth-key": settings.key},
        )
        return _taken(answer, "Şikayetvar", answer.headers.get("complaintanswerid", "taken"))


class ReplyTrendyol:
    """The action for questions on Trendyol."""

    name = "reply_trendyol"
    channel = "trendyol"
    account: type[msgspec.Struct] = Seller
    shares: tuple[str, ...] = ("seller", "key", "secret", "api")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; Trendyol takes 10 to 2,000 characters, once."""
        number = _number(to_send(reply.reply_to, settings.secret, "[channels.trendyol.ACCOUNT]"))
        if len(reply.text) < 10:
            raise Rejected("reply.refused", "Trendyol takes no answer under 10 characters")
        url = f"{settings.api}/integration/qna/sellers/{settings.seller}/questions/{number}/answers"
        answer = await post(
            url,
            "Trendyol",
            json={"text": reply.text},
            timeout_s=settings.timeout_s,
            auth=(settings.key, settings.secret),
            headers={"user-agent": f"{settings.seller} - SelfIntegration"},
        )
        return _taken(answer, "Trendyol", "taken")


class ReplyHepsiburada:
    """The action for questions on Hepsiburada."""

    name = "reply_hepsiburada"
    channel = "hepsiburada"
    account: type[msgspec.Struct] = Merchant
    shares: tuple[str, ...] = ("merchant", "key", "integrator", "api")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return Hepsiburada's id of it."""
        number = _number(to_send(reply.reply_to, settings.key, "[channels.hepsiburada.ACCOUNT]"))
        answer = await post(
            f"{settings.api}/issues/{number}/answer",
            "Hepsiburada",
            files={"Answer": (None, reply.text.encode())},
            timeout_s=settings.timeout_s,
            auth=(settings.merchant, settings.key),
            headers={"merchantid": settings.merchant, "user-agent": settings.integrator},
        )
        told = answer.read(str) or "taken"
        return _taken(answer, "Hepsiburada", told)


def _number(place: str) -> str:
    if not (place.isascii() and place.replace("-", "").isalnum()):
        raise Rejected("reply.no_address", f"{place!r} is no number of an item")
    return place


def _taken(answer: Answer, vendor: str, said: str) -> str:
    """Return the vendor's word for what it took; raise what a refusal means."""
    if answer.status in (200, 201, 202, 204):
        return said[:ERROR_TEXT_LIMIT]
    raise failed(answer, vendor)
