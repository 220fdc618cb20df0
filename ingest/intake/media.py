"""Fetching: what a vendor still holds of a message, before it is published.

Before: a channel's parser named files, or had only a notice of the message. After: virus_scan.py
looks into the files, the archive keeps them. A file that can't be had is said in its place; the
customer's words never wait for it longer than PATIENCE. Of a bare notice nothing is left without
its words: they are asked for as long as LONG_PATIENCE, then it is a dead letter.
"""

import asyncio
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec

from ingest.channel import Asking, Channel, Fetching, Media, Notice, Parsed, Web
from ingest.parser_pool.pool import bug
from ingest.parsing.files import bursts, sniffed
from schemas.errors import Rejected, Retry, SantralError
from schemas.message import Attachment

PATIENCE = timedelta(minutes=15)
"""How long a message waits for a file of it that can't be had just now."""

LONG_PATIENCE = timedelta(days=1)
"""How long a message is asked for that is known by a bare notice alone."""

AT_ONCE = 4
"""Files of one message that are fetched side by side."""


class MediaPending(SantralError):
    """The vendor still has the files, and waits for an answer: fetch them after it."""


async def fetch_whole(
    channel: Channel, notice: Notice, raw: bytes, settings: Any, web: Web, *, waited: timedelta
) -> bytes | None:
    """Return the delivery that a notice announces, or None when nothing will follow the notice.

    Raises Retry when it may still come, and Rejected when it will never come. A bug in a channel
    costs only what that channel asked for.
    """
    if not isinstance(channel, Asking):
        raise TypeError(f"{type(channel).__name__} takes notices and asks for nothing")
    try:
        return await channel.whole(notice.ref, raw, settings, web)
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


async def fetch_files(
    channel: object, parsed: Parsed, settings: Any, web: Web, *, last: bool
) -> Parsed:
    """Return the parse with every file in it; raise Retry when one may be had later.

    With `last` nothing is waited for: what can't be had is `refused`, with the reason.
    """
    if not isinstance(channel, Fetching):
        raise TypeError(f"{type(channel).__name__} names media and has no fetch")
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(media: Media) -> tuple[Media, bytes | str]:
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
    for media, found in await asyncio.gather(*map(one, parsed.media)):
        attachments[media.at], data = _filled(attachments[media.at], found)
        if data is not None:
            files.append(data)
    # Files stand in the order of their attachments: the scanner pairs them so.
    by_hash = {sha256(f).hexdigest(): f for f in files}
    kept = [a for a in attachments if not a.refused]
    return Parsed(
        message=msgspec.structs.replace(parsed.message, attachments=tuple(attachments)),
        files=tuple(by_hash[a.sha256] for a in kept),
    )


def _filled(told: Attachment, found: bytes | str) -> tuple[Attachment, bytes | None]:
    """Return the attachment as its bytes are, and those; without them why."""
    if isinstance(found, str):
        return msgspec.structs.replace(told, refused=found[:300]), None
    made = msgspec.structs.replace(
        told, size=len(found), sha256=sha256(found).hexdigest(), type=sniffed(found, told.type)
    )
    if bursts(found):
        return msgspec.structs.replace(made, refused="it would burst"), None
    return made, found
