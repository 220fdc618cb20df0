"""Lists the entries of a site: its feed, and the pages of its JSON list."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urljoin, urlsplit

from ingest.channels.complaint.account import Account
from ingest.channels.complaint.entries import make_item
from ingest.channels.complaint.json_list import list_entries, value_at
from ingest.parsing.complaint_feed import parse_feed
from ingest.parsing.json_values import decode_json
from ingest.sources.polling import MAX_PAGES, PolledItem, VendorClient


class SiteLister:
    """Lists one site; it asks for the feed only when that changed since the last time."""

    def __init__(self) -> None:
        self._validators: dict[str, str] = {}

    async def list_items(
        self, settings: Account, client: VendorClient
    ) -> AsyncIterator[PolledItem]:
        """Yield every entry of the site."""
        if settings.feed:
            async for item in self._feed_items(settings.feed, client):
                yield item
        if settings.api:
            async for item in _json_items(settings, client):
                yield item

    async def _feed_items(self, url: str, client: VendorClient) -> AsyncIterator[PolledItem]:
        """Yield the entries of a feed; its validators count once all entries are safe."""
        headers = {"user-agent": "santral", **self._validators}
        response = await client.request("GET", url, also=(304, 410), headers=headers)
        if response.status != 200:
            return
        for entry in await asyncio.to_thread(parse_feed, response.body, url):
            yield make_item(entry)
        validators = {
            "if-none-match": response.headers.get("etag", ""),
            "if-modified-since": response.headers.get("last-modified", ""),
        }
        self._validators = {name: value for name, value in validators.items() if value}


async def _json_items(settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
    url = settings.api
    for _ in range(MAX_PAGES):
        body = await client.get(url, headers=settings.api_headers)
        for entry in list_entries(body, settings):
            yield make_item(entry)
        next_url = _next_url(body, url, settings)
        if next_url is None:
            return
        url = next_url


def _next_url(body: bytes, url: str, settings: Account) -> str | None:
    """Return the address of the next page, or None after the last.

    The key in the headers goes to the site of `api` alone, so no page of another site follows.
    """
    if not settings.fields.next:
        return None
    following = value_at(decode_json(object, body), settings.fields.next)
    if not isinstance(following, str) or not following:
        return None
    next_url = urljoin(url, following)
    return next_url if urlsplit(next_url)[:2] == urlsplit(settings.api)[:2] else None
