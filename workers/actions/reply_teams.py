"""Answers in Microsoft Teams, by the Bot Connector.

Before: workers/deliveries/tries.py may send the Reply. After: the conversation. The service's
address was proven when the message came: the token is for it alone. Source: learn.microsoft.com,
Bot Connector API; rate limits of Teams.
"""

import re
from typing import Annotated, Any

import msgspec

from schemas.account_fields import SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, RECOVERY_S
from schemas.errors import Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import later, post, refused
from workers.actions.outgoing_text import path_segment

_SERVICE = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._-]+)*")


class Account(Record, frozen=True, kw_only=True):
    """The bot that answers."""

    app_id: Annotated[str, msgspec.Meta(description="The bot's app id.")] = ""
    app_password: Annotated[str, msgspec.Meta(description="The bot's password.")] = ""
    tenant: Annotated[str, msgspec.Meta(description="The tenant that gives the bot's tokens.")] = (
        "botframework.com"
    )
    login: Annotated[str, msgspec.Meta(description="The address of Microsoft's login.")] = (
        "https://login.microsoftonline.com"
    )
    timeout_s: SendTimeout = 30


class Token(Record, frozen=True, kw_only=True):
    """An access token."""

    access_token: str


class Sent(Record, frozen=True, kw_only=True):
    """The activity that was made."""

    id: str = ""


class ReplyTeams:
    """The action for conversations that came by Teams."""

    name = "reply_teams"
    channel = "teams"
    account: type[msgspec.Struct] = Account
    shares: tuple[str, ...] = ("app_id", "app_password", "tenant", "login")

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return the activity's id."""
        if not (settings.app_id and settings.app_password):
            raise Rejected(
                "reply.no_server", "set app_id and app_password in [channels.teams.ACCOUNT]"
            )
        service, _, conversation = (reply.reply_to or "").partition("|")
        if not service or not conversation:
            raise Rejected("reply.no_address", "the message came without a place to answer to")
        if not _SERVICE.fullmatch(service) or ".." in service:
            raise Rejected("reply.no_address", f"{service[:100]!r} is not a service's address")
        where = path_segment(conversation, safe=":;=@")
        url = f"{service}/v3/conversations/{where}/activities"
        body = {"type": "message", "text": reply.text, "textFormat": "plain"}
        for _ in range(2):
            token = self._tokens.get(settings.app_id) or await self._token(settings)
            answer = await post(
                url,
                "Teams",
                json=body,
                timeout_s=settings.timeout_s,
                headers={"authorization": f"Bearer {token}"},
            )
            if answer.status in (200, 201, 202):
                return f"activity {(answer.read(Sent) or Sent()).id}"
            if answer.status != 401:
                raise _refusal(answer)
            self._tokens.pop(settings.app_id, None)
        raise Retry(ACCOUNT_PROBLEM_S, "Teams refuses a new token")

    async def _token(self, settings: Account) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.app_id,
            "client_secret": settings.app_password,
            "scope": "https://api.botframework.com/.default",
        }
        answer = await post(
            f"{settings.login}/{settings.tenant}/oauth2/v2.0/token",
            "Microsoft's login",
            data=form,
            timeout_s=settings.timeout_s,
            safe=True,
        )
        made = answer.read(Token)
        if answer.status != 200 or made is None:
            wait = (
                ACCOUNT_PROBLEM_S
                if answer.status in (400, 401)
                else later(answer.headers, RECOVERY_S)
            )
            raise Retry(wait, f"Microsoft's login answered {answer.status}")
        self._tokens[settings.app_id] = made.access_token
        return made.access_token


def _refusal(answer: Any) -> Exception:
    """Return what a refusal means; 412 and 429 are said to come before anything is done."""
    if answer.status in (412, 429):
        return Retry(later(answer.headers, RECOVERY_S), f"Teams answered {answer.status}")
    return refused(answer, "Teams")
