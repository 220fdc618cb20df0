"""Fetches a file with the bot token.

A Media's `ref` is `id|ID` for a file of another workspace, `html|URL` for a page, and `url|URL` for
every other file.
Source: docs.slack.dev, files.info and working with files.
"""

from urllib.parse import quote

from ingest.channel import MediaClient
from ingest.channels.slack import wire
from ingest.channels.slack.account import Account
from ingest.parsing.json_values import decode_json
from schemas.errors import Rejected

_HOSTS = ("slack.com", "slack-files.com")
_PAGE_STARTS = (b"<!doctype html", b"<html")
_START_BYTES = 200


def media_ref(file: wire.UploadedFile) -> str:
    """Return the `ref` by which `fetch_file` gets a file: `id|ID`, `html|URL` or `url|URL`."""
    address = _address_of(file)
    if not address:
        return f"id|{file.id}"
    return f"{'html' if 'html' in (file.mimetype or '') else 'url'}|{address}"


async def fetch_file(ref: str, settings: Account, web: MediaClient) -> bytes:
    """Return the content of a file.

    Raises Rejected(media.refused) without a token, or for a page in place of a file, which Slack
    sends when the app has no permission.
    """
    if not settings.token:
        raise Rejected("media.refused", "set `token` in [channels.slack.ACCOUNT]")
    secret = {"authorization": f"Bearer {settings.token}"}
    kind, _, url = ref.partition("|")
    if kind == "id":
        url = f"{settings.api}/files.info?file={quote(url, safe='')}"
        response = await web.get(url, own=settings.api, secret=secret, hosts=_HOSTS)
        url = _address_of(decode_json(wire.FileInfo, response).file)
    content = await web.get(url, own=settings.api, secret=secret, hosts=_HOSTS)
    if kind != "html" and content[:_START_BYTES].lstrip().lower().startswith(_PAGE_STARTS):
        raise Rejected("media.refused", "Slack sent its sign-in page: add the scope files:read")
    return content


def _address_of(file: wire.UploadedFile) -> str:
    return file.url_private_download or file.url_private or ""
