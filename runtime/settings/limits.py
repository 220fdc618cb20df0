"""The limits of unproven callers: the table `[limits]` of the settings.

load.py reads them, and runtime/http/guard.py counts.
"""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from schemas.base import Record

MIB = 1024 * 1024

_Networks = tuple[
    Annotated[str, Meta(pattern=r"^[0-9a-fA-F:.]+(/\d{1,3})?$")], ...
]  # addresses or networks


class LimitsSettings(Record, frozen=True, kw_only=True):
    """The limits of a caller before its proof. An IPv6 address counts with its /64, the network of
    one caller."""

    header_time: Annotated[
        timedelta, Meta(description="The time for a request's line and headers.")
    ] = timedelta(seconds=10)
    header_bytes: Annotated[
        int, Meta(ge=1024, description="Bytes of a request's line and headers.")
    ] = 32 * 1024
    header_count: Annotated[int, Meta(ge=10, description="Headers of a request.")] = 100
    body_time: Annotated[timedelta, Meta(description="The time for a whole body.")] = timedelta(
        seconds=120
    )
    body_pause: Annotated[timedelta, Meta(description="The time between two bytes of a body.")] = (
        timedelta(seconds=10)
    )
    answer_pause: Annotated[
        timedelta, Meta(description="The time in which a caller reads nothing of an answer.")
    ] = timedelta(seconds=30)
    unproven_bytes: Annotated[
        int, Meta(ge=MIB, description="Bytes of the bodies of all unproven callers.")
    ] = 128 * MIB
    unproven_bytes_by_address: Annotated[
        int, Meta(ge=MIB, description="Bytes of the bodies of one unproven address.")
    ] = 40 * MIB
    connections: Annotated[int, Meta(ge=1, description="HTTP connections in all.")] = 2000
    connections_by_address: Annotated[
        int, Meta(ge=1, description="HTTP connections of one address.")
    ] = 200
    chat_hello: Annotated[
        timedelta, Meta(description="The time until a chat's first frame, `hello`.")
    ] = timedelta(seconds=10)
    chat_sessions: Annotated[int, Meta(ge=1, description="Open chats in all.")] = 2000
    chat_sessions_by_address: Annotated[
        int, Meta(ge=1, description="Open chats of one address.")
    ] = 50
    chat_lines: Annotated[int, Meta(ge=1, description="Lines a minute of all chats.")] = 6000
    chat_lines_by_address: Annotated[
        int, Meta(ge=1, description="Lines a minute of one address.")
    ] = 120
    chat_lines_by_session: Annotated[int, Meta(ge=1, description="Lines a minute of one chat.")] = (
        60
    )
    chat_frames: Annotated[
        int, Meta(ge=10, description="Frames a minute of one chat, with pings, before it ends.")
    ] = 240
    mail_connections: Annotated[int, Meta(ge=1, description="LMTP or SMTP connections.")] = 200
    mail_connections_by_address: Annotated[
        int, Meta(ge=1, description="LMTP or SMTP connections of one address.")
    ] = 100
    mail_commands: Annotated[
        int, Meta(ge=10, description="LMTP or SMTP commands of a connection without a mail.")
    ] = 1000
    mail_bytes: Annotated[
        int, Meta(ge=MIB, description="Bytes of unfinished mails on all connections.")
    ] = 256 * MIB
    attempts: Annotated[
        int, Meta(ge=1, description="Wrong tokens and sign-ins of one address before 429.")
    ] = 10
    attempt_every: Annotated[
        timedelta, Meta(description="The time until one more attempt is allowed.")
    ] = timedelta(seconds=6)
    trusted_proxies: Annotated[
        _Networks, Meta(description="Addresses or networks whose X-Forwarded-For Santral believes.")
    ] = ()
