"""Fetches what a vendor still holds of a message, before it is published.

A channel's parser names the files, or has only a notice of the message. virus_scan.py looks into
the files afterwards. A message waits for its files for PATIENCE, and is then published with a text
in the place of each missing file. A bare notice is worth nothing without its content, and so ingest
asks for it for LONG_PATIENCE before it makes a dead letter.
"""

import asyncio
from datetime import timedelta
from hashlib import sha256

import msgspec

from ingest.channel import (
    Account,
    Channel,
    FetchesMedia,
    Media,
    MediaClient,
    Notice,
    Parsed,
    ResolvesNotices,
)
from ingest.parser_pool.pool import bug
from ingest.parsing.files import detect_type, is_bomb
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry, SantralError
from schemas.message import Attachment

PATIENCE = timedelta(minutes=15)
"""The longest wait of a message for a file that its vendor can't give now."""

LONG_PATIENCE = timedelta(days=1)
"""The longest wait of a bare notice for its content: vendors' outages are shorter."""

MAX_FETCHES = 4
"""Files of one message that ingest fetches at the same time."""


class MediaPending(SantralError):
    """The vendor holds the files and waits for our answer: ingest fetches them after it."""


async def fetch_content(
    channel: Channel[Account],
    notice: Notice,
    raw: bytes,
    settings: Account,
    web: MediaClient,
    *,
    waited: timedelta,
) -> bytes | None:
    """Return the delivery that a notice announces, or None when nothing will follow the notice.

    Raises Retry when it may still come, and Rejected when it will never come. A bug in a channel
    costs only what that channel asked for.
    """
    if not isinstance(channel, ResolvesNotices):
        raise TypeError(f"{type(channel).__name__} takes notices and resolves none")
    try:
        content: bytes = await channel.resolve_notice(notice.ref, raw, settings, web)
    except Rejected:
        if notice.bare:
            raise
        return None
    except Retry as error:
        if waited <= (LONG_PATIENCE if notice.bare else PATIENCE):
            raise
        if notice.bare:
            raise Rejected("notice.unanswered", f"asked for a day: {error.text}") from error
        return None
    except Exception as error:
        failure = bug(channel.name, error, "fetch")
        if notice.bare:
            raise failure from error
        return None
    return content


async def fetch_files(
    channel: Channel[Account], parsed: Parsed, settings: Account, web: MediaClient, *, last: bool
) -> Parsed:
    """Return the parsed delivery with its files; raise Retry when a file may come later.

    With `last` it waits for nothing: a missing file's attachment is `refused`, with the reason.
    """
    if not isinstance(channel, FetchesMedia):
        raise TypeError(f"{type(channel).__name__} names media and has no fetch")
    gate = asyncio.Semaphore(MAX_FETCHES)

    async def fetch(media: Media) -> tuple[Media, bytes | str]:
        async with gate:
            try:
                return media, await channel.fetch(media.ref, settings, web)
            except Rejected as error:
                return media, error.text
            except Retry as error:
                if not last:
                    raise
                return media, f"not fetched: {error.text}"
            except Exception as error:  # noqa: BLE001 - logged; the text continues without the file
                return media, bug(parsed.message.channel, error, "fetch").text

    attachments = list(parsed.message.attachments)
    files = list(parsed.files)
    for media, result in await asyncio.gather(*map(fetch, parsed.media)):
        attachments[media.index], data = _complete(attachments[media.index], result)
        if data is not None:
            files.append(data)
    # The scanner pairs files and attachments by their order.
    by_hash = {sha256(f).hexdigest(): f for f in files}
    return Parsed(
        message=msgspec.structs.replace(parsed.message, attachments=tuple(attachments)),
        files=tuple(by_hash[a.sha256] for a in attachments if not a.refused),
    )


def _complete(attachment: Attachment, result: bytes | str) -> tuple[Attachment, bytes | None]:
    """Return the attachment of a fetched file with its bytes, or with the reason and None."""
    if isinstance(result, str):
        return msgspec.structs.replace(attachment, refused=result[:ERROR_TEXT_LIMIT]), None
    complete = msgspec.structs.replace(
        attachment,
        size=len(result),
        sha256=sha256(result).hexdigest(),
        type=detect_type(result, attachment.type),
    )
    if is_bomb(result):
        return msgspec.structs.replace(complete, refused="it would burst"), None
    return complete, result
