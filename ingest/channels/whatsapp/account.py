"""The settings of one WhatsApp Business app."""

from typing import Annotated

import msgspec

from ingest.vendors import meta_webhook
from schemas.account_fields import ApiAddress, Brand
from schemas.base import Record


class Account(Record, frozen=True, kw_only=True):
    """One WhatsApp Business app."""

    brand: Brand = ""
    app_secret: Annotated[
        str, msgspec.Meta(description="The app's secret, which proves Meta's calls.")
    ] = ""
    verify_token: Annotated[
        str, msgspec.Meta(description="A word of your choice, which Meta sends once at the set-up.")
    ] = ""
    token: Annotated[
        str, msgspec.Meta(description="The access token of the number, which fetches files.")
    ] = ""
    api: ApiAddress = meta_webhook.GRAPH
