"""The settings of one Telegram bot."""

from datetime import timedelta
from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, Brand
from schemas.base import Record


class Account(Record, frozen=True, kw_only=True):
    """One bot, whose updates Telegram sends to the webhook or Santral polls."""

    brand: Brand = ""
    token: Annotated[str, msgspec.Meta(description="The bot's token.")] = ""
    secret_token: Annotated[
        str, msgspec.Meta(description="The word that proves Telegram's calls.")
    ] = ""
    poll: Annotated[
        bool,
        msgspec.Meta(description="Whether Santral asks Telegram, instead of taking its calls."),
    ] = False
    api: ApiAddress = "https://api.telegram.org"
    timeout: Annotated[
        timedelta, msgspec.Meta(description="The time that a question for updates may take.")
    ] = timedelta(seconds=60)
