"""Fetches a shared file by its own address, and a picture with the bot's token.

Source: learn.microsoft.com, Bot Connector authentication; send and receive files through the bot.
"""

import httpx2

from ingest.channel import MediaClient
from ingest.channels.teams import wire
from ingest.channels.teams.account import Account
from ingest.channels.teams.content import INLINE
from ingest.channels.teams.proof import ISSUER
from ingest.parsing.json_values import decode_json
from schemas.delays import BUSY_S, OUTAGE_S
from schemas.errors import Rejected, Retry

_PICTURE_HOSTS = ("botframework.com", "smba.trafficmanager.net")
_LOGIN_TIMEOUT_S = 15  # a login answers within a second, or it is in trouble


async def fetch_file(ref: str, settings: Account, web: MediaClient) -> bytes:
    """Return the content of a file; raise Rejected(media.refused) without the bot's password."""
    if not ref.startswith(INLINE):
        return await web.get(ref)
    if not (settings.app_id and settings.app_password):
        raise Rejected("media.refused", "set `app_password` in [channels.teams.ACCOUNT]")
    secret = {"authorization": f"Bearer {await _request_token(settings)}"}
    return await web.get(ref.removeprefix(INLINE), secret=secret, hosts=_PICTURE_HOSTS)


async def _request_token(settings: Account) -> str:
    """Return a token of the bot for the Bot Connector; raise Retry without one."""
    url = f"{settings.login}/{settings.tenant}/oauth2/v2.0/token"
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.app_id,
        "client_secret": settings.app_password,
        "scope": f"{ISSUER}/.default",
    }
    try:
        async with httpx2.AsyncClient(timeout=_LOGIN_TIMEOUT_S) as client:
            response = await client.post(url, data=form)
    except httpx2.HTTPError as error:
        text = f"Microsoft's login can't be reached: {type(error).__name__}"
        raise Retry(OUTAGE_S, text) from error
    if response.status_code != 200:
        raise Retry(BUSY_S, f"Microsoft's login answered {response.status_code}")
    return decode_json(wire.ConnectorToken, response.content).access_token
