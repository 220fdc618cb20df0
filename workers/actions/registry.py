"""ACTIONS: one row each. Adding an action is its file, its test and a row here."""

from workers.actions.protocol import Action
from workers.actions.reply_bluesky import ReplyBluesky
from workers.actions.reply_discourse import ReplyDiscourse
from workers.actions.reply_email import ReplyEmail
from workers.actions.reply_granted import ReplyGoogleBusiness, ReplyReddit, ReplyYoutube
from workers.actions.reply_line import ReplyLine
from workers.actions.reply_mastodon import ReplyMastodon
from workers.actions.reply_meta import ReplyInstagram, ReplyMessenger
from workers.actions.reply_sites import ReplyHepsiburada, ReplySikayetvar, ReplyTrendyol
from workers.actions.reply_slack import ReplySlack
from workers.actions.reply_stores import ReplyAppStore, ReplyGooglePlay
from workers.actions.reply_teams import ReplyTeams
from workers.actions.reply_telegram import ReplyTelegram
from workers.actions.reply_trustpilot import ReplyTrustpilot
from workers.actions.reply_twilio import ReplyTwilio
from workers.actions.reply_viber import ReplyViber
from workers.actions.reply_whatsapp import ReplyWhatsapp
from workers.actions.reply_x import ReplyX

ACTIONS: dict[str, Action] = {
    a.name: a
    for a in (
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
}


def sections() -> dict[str, type]:
    """Return the settings table of each action, by its path."""
    return {f"actions.{name}": action.account for name, action in ACTIONS.items()}


def for_channel(channel: str, reply_to: str | None = None) -> Action | None:
    """Return the action that answers on a channel, None when the door does it.

    What staff wrote down comes by the API, and says where the answer goes.
    """
    if channel == "api" and reply_to and "@" in reply_to:
        channel = "email"
    also = _ALSO.get(channel, channel)
    return next((a for a in ACTIONS.values() if a.channel == also), None)


_ALSO = {"form": "email"}
"""Channels that are answered on another: who filled in a form left a mail address."""
