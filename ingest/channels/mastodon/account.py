"""The settings of one account at a Mastodon server."""

from datetime import timedelta
from typing import Annotated

import msgspec

from schemas.account_fields import Brand
from schemas.base import Record

DEFAULT_POST_CHARS = 500
"""The limit of a post on a server that does not change it."""


class Account(Record, frozen=True, kw_only=True):
    """One account at a server."""

    brand: Brand = ""
    url: Annotated[
        str, msgspec.Meta(description="The server's address, like https://mastodon.social.")
    ] = ""
    token: Annotated[str, msgspec.Meta(description="The access token, with read and write.")] = ""
    poll: Annotated[
        timedelta, msgspec.Meta(description="The time between two passes, beside the stream.")
    ] = timedelta(seconds=60)
    limit: Annotated[
        int, msgspec.Meta(description="The most characters of a post on that server.")
    ] = DEFAULT_POST_CHARS
