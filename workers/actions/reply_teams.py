"""Answers in Microsoft Teams, by the Bot Connector.

The bot's token goes only to the service address that the customer's message proved.
Source: learn.microsoft.com, Bot Connector API; rate limits of Teams.
"""

import re
from typing import Annotated

import msgspec

from schemas.account_fields import SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, RECOVERY_S
from schemas.errors import Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import ActionResponse, error_for_response, post, retry_delay
from workers.actions.oauth import AccessTokenBody, bearer_header
from workers.actions.outgoing_text import path_segment

_SERVICE = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._-]+)*")
_MAX_TRIES = 2
"""The second try uses a new token."""


class TeamsReplyAccount(Record, frozen=True, kw_only=True):
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


class CreatedActivity(Record, frozen=True, kw_only=True):
    """The activity that Teams created."""

    id: str = ""


class ReplyTeams:
    """The action for conversations on Teams."""

    name = "reply_teams"
    channel = "teams"
    account = TeamsReplyAccount
    shares: tuple[str, ...] = ("app_id", "app_password", "tenant", "login")
    required: tuple[str, ...] = ("app_id", "app_password")

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}

    async def send(self, reply: Reply, settings: TeamsReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return the activity's id."""
        if not (settings.app_id and settings.app_password):
            raise Rejected(
                "reply.no_server", "set app_id and app_password in [channels.teams.ACCOUNT]"
            )
        url = _activities_url(reply.reply_to or "")
        for _ in range(_MAX_TRIES):
            token = self._tokens.get(settings.app_id) or await self._request_token(settings)
            response = await post(
                url,
                "Teams",
                json={"type": "message", "text": reply.text, "textFormat": "plain"},
                timeout_s=settings.timeout_s,
                headers=bearer_header(token),
            )
            if response.status in (200, 201, 202):
                activity = response.decode(CreatedActivity) or CreatedActivity()
                return f"activity {activity.id}"
            if response.status != 401:
                raise _error_for(response)
            self._tokens.pop(settings.app_id, None)
        raise Retry(ACCOUNT_PROBLEM_S, "Teams refuses a new token")

    async def _request_token(self, settings: TeamsReplyAccount) -> str:
        """Return a new token of the bot, and remember it for the next reply."""
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.app_id,
            "client_secret": settings.app_password,
            "scope": "https://api.botframework.com/.default",
        }
        response = await post(
            f"{settings.login}/{settings.tenant}/oauth2/v2.0/token",
            "Microsoft's login",
            data=form,
            timeout_s=settings.timeout_s,
            safe=True,
        )
        body = response.decode(AccessTokenBody)
        if response.status != 200 or body is None:
            refused = response.status in (400, 401)
            delay_s = ACCOUNT_PROBLEM_S if refused else retry_delay(response.headers, RECOVERY_S)
            raise Retry(delay_s, f"Microsoft's login answered {response.status}")
        self._tokens[settings.app_id] = body.access_token
        return body.access_token


def _activities_url(target: str) -> str:
    """Return the address for `service|conversation`; raise Rejected for another target."""
    service, _, conversation = target.partition("|")
    if not service or not conversation:
        raise Rejected("reply.no_address", "the message has no address to answer to")
    if not _SERVICE.fullmatch(service) or ".." in service:
        raise Rejected("reply.no_address", f"{service[:100]!r} is not a service's address")
    return f"{service}/v3/conversations/{path_segment(conversation, safe=':;=@')}/activities"


def _error_for(response: ActionResponse) -> Exception:
    """Return the error for a refusal; Teams answers 412 and 429 before it does anything."""
    if response.status in (412, 429):
        return Retry(retry_delay(response.headers), f"Teams answered {response.status}")
    return error_for_response(response, "Teams")
