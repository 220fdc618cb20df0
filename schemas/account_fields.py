"""Settings that the accounts of many channels and actions share, with their descriptions. Pure.

The Structs of the accounts use them, and the channels' pages show the descriptions.
"""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

Brand = Annotated[
    str,
    Meta(description="The brand of the account's messages; empty is the brand of the settings."),
]

PollInterval = Annotated[timedelta, Meta(description="The time between two passes.")]

SendTimeout = Annotated[
    int, Meta(ge=1, description="The seconds after which an attempt to send ends.")
]

ApiAddress = Annotated[str, Meta(description="The address of the vendor's API.")]

TokenAddress = Annotated[str, Meta(description="The address where the vendor gives tokens.")]

PlayPackage = Annotated[str, Meta(description="The app's package name.")]

ServiceAccountMail = Annotated[str, Meta(description="The mail address of the service account.")]

ServiceAccountKey = Annotated[str, Meta(description="The private key of the service account, PEM.")]
