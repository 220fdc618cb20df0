"""The table of actions; a new action is its file, its test and its row here."""

from typing import Generic

import msgspec

from schemas.outcome import Reply
from workers.actions.protocol import A, Action
from workers.actions.reply_app_store import ReplyAppStore
from workers.actions.reply_bluesky import ReplyBluesky
from workers.actions.reply_discourse import ReplyDiscourse
from workers.actions.reply_email import ReplyEmail
from workers.actions.reply_google_business import ReplyGoogleBusiness
from workers.actions.reply_google_play import ReplyGooglePlay
from workers.actions.reply_hepsiburada import ReplyHepsiburada
from workers.actions.reply_instagram import ReplyInstagram
from workers.actions.reply_line import ReplyLine
from workers.actions.reply_mastodon import ReplyMastodon
from workers.actions.reply_messenger import ReplyMessenger
from workers.actions.reply_reddit import ReplyReddit
from workers.actions.reply_sikayetvar import ReplySikayetvar
from workers.actions.reply_slack import ReplySlack
from workers.actions.reply_teams import ReplyTeams
from workers.actions.reply_telegram import ReplyTelegram
from workers.actions.reply_trendyol import ReplyTrendyol
from workers.actions.reply_trustpilot import ReplyTrustpilot
from workers.actions.reply_twilio import ReplyTwilio
from workers.actions.reply_viber import ReplyViber
from workers.actions.reply_whatsapp import ReplyWhatsapp
from workers.actions.reply_x import ReplyX
from workers.actions.reply_youtube import ReplyYoutube

AnyAction = Action[msgspec.Struct]
"""An action whose account type only its row knows."""


class CheckedAction(Generic[A]):
    """An action that takes settings of any type and raises TypeError for another action's."""

    def __init__(self, action: Action[A]) -> None:
        self._action = action
        self.name, self.channel, self.shares = action.name, action.channel, action.shares
        self.required = action.required
        self.account: type[msgspec.Struct] = action.account

    async def send(self, reply: Reply, settings: msgspec.Struct, signing_key: bytes) -> str:
        """Send one reply, with the settings of the action's own account type."""
        if not isinstance(settings, self._action.account):
            raise TypeError(f"{self.name} has no settings of {type(settings).__name__}")
        return await self._action.send(reply, settings, signing_key)


_ROWS: tuple[AnyAction, ...] = (
    CheckedAction(ReplyEmail()),
    CheckedAction(ReplyWhatsapp()),
    CheckedAction(ReplyTelegram()),
    CheckedAction(ReplyMessenger()),
    CheckedAction(ReplyInstagram()),
    CheckedAction(ReplySlack()),
    CheckedAction(ReplyTeams()),
    CheckedAction(ReplyViber()),
    CheckedAction(ReplyLine()),
    CheckedAction(ReplyTwilio()),
    CheckedAction(ReplyBluesky()),
    CheckedAction(ReplyMastodon()),
    CheckedAction(ReplyX()),
    CheckedAction(ReplyDiscourse()),
    CheckedAction(ReplySikayetvar()),
    CheckedAction(ReplyTrendyol()),
    CheckedAction(ReplyHepsiburada()),
    CheckedAction(ReplyGooglePlay()),
    CheckedAction(ReplyAppStore()),
    CheckedAction(ReplyGoogleBusiness()),
    CheckedAction(ReplyYoutube()),
    CheckedAction(ReplyReddit()),
    CheckedAction(ReplyTrustpilot()),
)

ACTIONS: dict[str, AnyAction] = {action.name: action for action in _ROWS}

_ANSWERED_ON = {"form": "email"}
"""Channels whose answers leave on another one. A contact form asks for a mail address."""


def sections() -> dict[str, type]:
    """Return the settings table of each action, by its path."""
    return {f"actions.{name}": action.account for name, action in ACTIONS.items()}


def for_channel(channel: str, reply_to: str | None = None) -> AnyAction | None:
    """Return the action that answers on a channel, or None if the door does it.

    A note that staff enter arrives by the API and names the mail address for its answer.
    """
    if channel == "api" and reply_to and "@" in reply_to:
        channel = "email"
    target = _ANSWERED_ON.get(channel, channel)
    return next((action for action in ACTIONS.values() if action.channel == target), None)
