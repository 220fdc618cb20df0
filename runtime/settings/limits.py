"""The limits of unproven callers: the table `[limits]` of the settings.

Before: a settings file. After: runtime/http/guard.py counts, docs/operations.md shows the table.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, get_args, get_type_hints

import msgspec
from msgspec import Meta

from schemas.base import Record

MIB = 1024 * 1024

_Networks = tuple[
    Annotated[str, Meta(pattern=r"^[0-9a-fA-F:.]+(/\d{1,3})?$")], ...
]  # addresses or networks


class Limits(Record, frozen=True, kw_only=True):
    """Limits before proof. Each field's description names its unit and subject.

    An IPv6 address counts with its /64, the network of one caller.
    """

    header_time: Annotated[timedelta, Meta(description="time for a request's line and headers")] = (
        timedelta(seconds=10)
    )
    header_bytes: Annotated[
        int, Meta(ge=1024, description="bytes of a request's line and headers")
    ] = 32 * 1024
    header_count: Annotated[int, Meta(ge=10, description="headers of a request")] = 100
    body_time: Annotated[timedelta, Meta(description="time for a whole body")] = timedelta(
        seconds=120
    )
    body_pause: Annotated[timedelta, Meta(description="time between two bytes of a body")] = (
        timedelta(seconds=10)
    )
    answer_pause: Annotated[
        timedelta, Meta(description="time in which a caller reads nothing of an answer")
    ] = timedelta(seconds=30)
    unproven_bytes: Annotated[
        int, Meta(ge=MIB, description="bytes of the bodies of all unproven callers")
    ] = 128 * MIB
    unproven_bytes_by_address: Annotated[
        int, Meta(ge=MIB, description="bytes of the bodies of one unproven address")
    ] = 40 * MIB
    connections: Annotated[int, Meta(ge=1, description="HTTP connections in all")] = 2000
    connections_by_address: Annotated[
        int, Meta(ge=1, description="HTTP connections of one address")
    ] = 200
    chat_hello: Annotated[
        timedelta, Meta(description="time until a chat's first frame, `hello`")
    ] = timedelta(seconds=10)
    chat_sessions: Annotated[int, Meta(ge=1, description="open chats in all")] = 2000
    chat_sessions_by_address: Annotated[
        int, Meta(ge=1, description="open chats of one address")
    ] = 50
    chat_lines: Annotated[int, Meta(ge=1, description="lines a minute of all chats")] = 6000
    chat_lines_by_address: Annotated[
        int, Meta(ge=1, description="lines a minute of one address")
    ] = 120
    chat_lines_by_session: Annotated[int, Meta(ge=1, description="lines a minute of one chat")] = 60
    chat_frames: Annotated[
        int, Meta(ge=10, description="frames a minute of one chat, with pings, before it ends")
    ] = 240
    mail_connections: Annotated[int, Meta(ge=1, description="LMTP or SMTP connections")] = 200
    mail_connections_by_address: Annotated[
        int, Meta(ge=1, description="LMTP or SMTP connections of one address")
    ] = 100
    mail_commands: Annotated[
        int, Meta(ge=10, description="LMTP or SMTP commands of a connection without a mail")
    ] = 1000
    mail_bytes: Annotated[
        int, Meta(ge=MIB, description="bytes of unfinished mails on all connections")
    ] = 256 * MIB
    attempts: Annotated[
        int, Meta(ge=1, description="wrong tokens and sign-ins of one address before 429")
    ] = 10
    attempt_every: Annotated[
        timedelta, Meta(description="time until one more attempt is allowed")
    ] = timedelta(seconds=6)
    trusted_proxies: Annotated[
        _Networks, Meta(description="addresses or networks whose X-Forwarded-For Santral believes")
    ] = ()


def rows() -> Iterator[tuple[str, str, str]]:
    """Yield each limit's name, its default as it is written, and its sentence."""
    hints = get_type_hints(Limits, include_extras=True)
    for field in msgspec.structs.fields(Limits):
        meta = next(m for m in get_args(hints[field.name]) if isinstance(m, Meta))
        yield field.name, _written(field.default), meta.description or ""


def _written(value: object) -> str:
    if isinstance(value, timedelta):
        return f'"{value.total_seconds():g}s"'
    if isinstance(value, int) and value >= MIB:
        return f"{value} ({value // MIB} MiB)"
    return "none" if value == () else str(value)
