"""The table of actions; a new action is its file, its test and its row here."""

from typing import Any

from workers.actions.protocol import Action
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

AnyAction = Action[Any]
"""An action with the account type that its row has."""

_ROWS: tuple[AnyAction, ...] = (
    ReplyEmail(),
    ReplyWhatsapp(),
    ReplyTelegram(),
    ReplyMessenger(),
    ReplyInstagram(),
    ReplySlack(),
    ReplyTeams(),
    ReplyViber(),
    ReplyLine(),
    ReplyTwilio(),
    ReplyBluesky(),
    ReplyMastodon(),
    ReplyX(),
    ReplyDiscourse(),
    ReplySikayetvar(),
    ReplyTrendyol(),
    ReplyHepsiburada(),
    ReplyGooglePlay(),
    ReplyAppStore(),
    ReplyGoogleBusiness(),
    ReplyYoutube(),
    ReplyReddit(),
    ReplyTrustpilot(),
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
