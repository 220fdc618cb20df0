"""The settings of one Meta app that serves a Page or an Instagram account."""

from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, Brand
from schemas.base import Record


class Account(Record, frozen=True, kw_only=True):
    """One app and the Page or account that it serves."""

    brand: Brand = ""
    app_secret: Annotated[
        str, msgspec.Meta(description="The app's secret, which proves Meta's calls.")
    ] = ""
    token: Annotated[
        str, msgspec.Meta(description="The access token, which fetches the text of a mention.")
    ] = ""
    api: ApiAddress = "https://graph.facebook.com/v25.0"
    verify_token: Annotated[
        str, msgspec.Meta(description="A word of your choice, which Meta sends once at the set-up.")
    ] = ""
    human_agent: Annotated[
        bool,
        msgspec.Meta(
            description="Whether Meta granted the app the permission to answer for seven days."
        ),
    ] = False


def setup(settings: Account, url: str, product: str, fields: str) -> str | None:
    """Return the line that sets up a webhook, None without a secret."""
    if not settings.app_secret:
        return None
    return (
        f"Meta: app dashboard, {product}, Webhooks: callback URL {url}, the verify token as in "
        f"`verify_token`, fields {fields}"
    )
