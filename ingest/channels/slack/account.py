"""The settings of one Slack app."""

from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, Brand
from schemas.base import Record


class Account(Record, frozen=True, kw_only=True):
    """One app in a workspace."""

    brand: Brand = ""
    signing_secret: Annotated[
        str, msgspec.Meta(description="The app's signing secret, which proves Slack's calls.")
    ] = ""
    token: Annotated[
        str, msgspec.Meta(description="The bot token (xoxb-…), which fetches files.")
    ] = ""
    bot_user: Annotated[
        str, msgspec.Meta(description="The id of our own user, whose messages are ignored.")
    ] = ""
    api: ApiAddress = "https://slack.com/api"
