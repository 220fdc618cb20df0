"""The settings of one Teams bot."""

from typing import Annotated

import msgspec

from schemas.account_fields import Brand
from schemas.base import Record


class Account(Record, frozen=True, kw_only=True):
    """One bot."""

    brand: Brand = ""
    app_id: Annotated[
        str, msgspec.Meta(description="The bot's app id, for which Microsoft's tokens are.")
    ] = ""
    app_password: Annotated[
        str, msgspec.Meta(description="The bot's password, which fetches pictures.")
    ] = ""
    tenant: Annotated[str, msgspec.Meta(description="The tenant that gives the bot's tokens.")] = (
        "botframework.com"
    )
    login: Annotated[str, msgspec.Meta(description="The address of Microsoft's login.")] = (
        "https://login.microsoftonline.com"
    )
