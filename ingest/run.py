"""`santral ingest`: the door and every pull channel of the settings, in one process.

Before: cli/main.py. After: messages.v1. Any number of these may run side by side.
"""

import asyncio
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2

from ingest.channel import Channel, Context, Delivery, PullChannel, Source, Tools
from ingest.door import lmtp
from ingest.door.call_memory import CallMemory
from ingest.door.chat_replies import Replies
from ingest.door.http import Door, app
from ingest.intake.accept import Ingest
from ingest.intake.cursors import Cursors
from ingest.intake.spool import Pending
from ingest.intake.virus_scan import Scanner
from ingest.parser_pool.pool import ParserPool, Parsers
from ingest.registry import CHANNELS
from ingest.sources.source_health import SourceHealth
from runtime.archive.archive import open_archive
from runtime.bus import bus
from runtime.bus.bus import Publisher
from runtime.clock import Clock
from runtime.health.health import Health
from runtime.health.neighbour import Backoff, Neighbour
from runtime.http import server as http
from runtime.http.guard import Guard
from runtime.http.public_client import Outside
from runtime.log import get
from runtime.redis.client import connect
from runtime.settings.load import section
from runtime.settings.structs import Settings
from runtime.spool import Journal
from runtime.stage import frame, probes
from schemas.errors import Retry, retries

log = get(__name__)

_PLAIN_S = 30.0  # a longer time is the vendor's own, and obeyed
_LONGEST_S = 3600.0
_LINE_INTERVAL_S = 60.0
_OWN_PAUSE_S = 8.0
"""A mailbox waits so long while Kafka or the archive is away: each attempt hands its batch over."""


def accounts(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the accounts of every channel; one called `default` where none is configured."""
    found: dict[str, dict[str, Any]] = {}
    for name, channel in CHANNELS.items():
        tables = settings.channels.get(name) or {"default": {}}
        found[name] = {
            account: section(channel.account, table, "santral.toml", f"channels.{name}", [])
            for account, table in tables.items()
        }
    return found


def build(
    settings: Settings,
    clock: Clock,
    publisher: Publisher,
    parsers: Parsers,
    web: Outside | None = None,
    *,
    uploads: bool = False,
) -> Ingest:
    """Return the ingest step of these settings; `uploads` in a stage, which lives for long."""
    context = Context(brand=settings.brand, signing_key=settings.tokens.signing.encode())
    return Ingest(
        archive=open_archive(settings, uploads=uploads),
        publisher=publisher,
        clock=clock,
        context=context,
        scanner=Scanner(settings.scan),
        parsers=parsers,
        web=web or Outside(),
    )


async def main(settings: Settings, health: Health, clock: Clock, stop: asyncio.Event) -> None:
    """Run door and channels until `stop`."""
    kafka = probes.kafka_neighbour(settings, clock)
    # A vendor's call is remembered in the process while Redis is away: a note, not a check.
    memory = probes.redis_neighbour(settings, clock)
    publisher = Publisher(settings.kafka, f"santral-ingest-{os.getpid()}", kafka)
    web = Outside()
    parsers = ParserPool(settings.parsers)
    ingest = build(settings, clock, publisher, parsers, web, uploads=True)
    archive = probes.archive_neighbour(ingest.archive, settings, clock)
    replies = Replies(settings.kafka, clock, f"santral-door-{os.getpid()}")
    health.add("kafka", kafka.problem)
    health.add("archive", archive.problem)
    health.note("redis", memory.problem)
    for neighbour in (kafka, archive, memory):
        neighbour.start()
    health.add("replies", replies.fresh)
    health.add("parsers", parsers.problem)
    sockets = [http.listen(settings.door.host, settings.door.port)]
    cursors, redis = Cursors(settings.kafka, publisher), connect(settings.redis)
    async with (
        parsers,
        httpx2.AsyncClient(base_url=settings.door.desk_url) as desk,
        httpx2.AsyncClient(follow_redirects=False) as outside,
    ):
        found = accounts(settings)
        pending = Pending(Journal(settings.journal_path), ingest, found)
        door = Door(
            settings=settings,
            ingest=ingest,
            replies=replies,
            accounts=found,
            desk=desk,
            outside=outside,
            pending=pending,
            memory=CallMemory(redis),
        )
        guard = Guard(settings.limits)
        server = http.server(app(door, health), guard)
        pulls = [
            run_source(
                channel,
                name,
                account,
                pending,
                cursors,
                health,
                clock,
                settings.home_path,
                (kafka, archive),
            )
            for channel in CHANNELS.values()
            for name, account in found[channel.name].items()
            if isinstance(channel, PullChannel) and channel.pulls(account)
        ]
        serving = [http.serve(server, sockets, stop)]
        lmtp.check(settings.mail_door, found["email"])
        if settings.mail_door.protocol != "off":
            receiver = lmtp.Receiver(ingest, CHANNELS["email"], found["email"])
            serving.append(lmtp.serve(settings.mail_door, receiver, stop, guard))
        health.finish_start()
        await frame.until(stop, _follow(replies, kafka), pending.run(), *pulls, finishing=serving)
    await web.close()
    await redis.aclose()
    await publisher.stop()
    await asyncio.to_thread(ingest.archive.close)
    for neighbour in (kafka, archive, memory):
        neighbour.stop()


async def _follow(replies: Replies, kafka: Neighbour) -> None:
    """Keep following replies.v1 over a broker that goes and comes back."""
    while True:
        try:
            await replies.follow()
        except bus.AWAY as error:
            kafka.failed(error)
            await asyncio.sleep(Backoff.LONGEST_S)


def kept(folder: Path, name: str) -> str | None:
    """Return a small secret that was kept, None if there is none."""
    try:
        return (folder / name).read_text()
    except FileNotFoundError:
        return None


def _keep(folder: Path, name: str, value: str) -> None:
    """Keep a small secret over a restart, for this user's eyes alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = folder / f".{name}.{os.getpid()}"
    part.touch(mode=0o600)
    part.write_text(value)
    part.replace(folder / name)


def shortened(neighbours: Sequence[Neighbour], pause_s: float) -> float:
    """Return a short pause while one of our neighbours is away, else the given one."""
    if any(neighbour.problem() for neighbour in neighbours):
        return min(pause_s, _OWN_PAUSE_S)
    return pause_s


async def run_source(
    channel: Channel,
    account: str,
    settings: Any,
    pending: Pending,
    cursors: Cursors,
    health: Health,
    clock: Clock,
    home: Path,
    neighbours: Sequence[Neighbour] = (),
) -> None:
    """Run one source for ever; what ends it is waited out, longer each time.

    While one of our own `neighbours` is away the pause stays short: the vendor is not the cause.
    """
    source_health = SourceHealth(f"{channel.name}:{account}", health, clock)
    assert isinstance(channel, PullChannel)
    tools = Tools(
        now=clock.now,
        pause=asyncio.sleep,
        warn=log.warning,
        polled=source_health.succeeded,
        kept=functools.partial(kept, home / "secrets"),
        keep=functools.partial(_keep, home / "secrets"),
        shortened=functools.partial(shortened, neighbours),
    )
    source: Source | None = None

    async def accept(delivery: Delivery) -> None:
        await pending.accept(channel, delivery, settings, patient=getattr(source, "patient", True))

    delay, restored = 1.0, False
    line, line_s = "", 0.0
    while True:
        worst: list[str] = []
        try:
            if not restored:
                await cursors.restore()
                restored = True
            source = source or channel.source(account, settings, tools)
            await source.run(accept, cursors)
        except* Retry as errors:
            found = retries(errors)
            worst = [str(e) for e in found]
            after = max(e.after for e in found)
            # Doubles while nothing succeeds; a source that worked a minute ago is asked soon,
            # unless it named a time itself.
            age = source_health.age()
            delay = min(60.0, delay * 2) if age is None or age > 60 else min(after, 5.0)
            delay = max(delay, min(after, _LONGEST_S)) if after > _PLAIN_S else delay
        except* bus.AWAY as errors:
            worst = [str(errors.exceptions[0])]
        except* Exception as errors:
            # A bug of one channel stops that channel, loudly, and no other.
            worst = [f"{type(errors.exceptions[0]).__name__}: a bug, see above"]
            delay = min(600.0, max(10.0, delay * 2))
            log.exception("source.bug", source=f"{channel.name}:{account}")
        if worst and any(neighbour.problem() for neighbour in neighbours):
            delay = Backoff.LONGEST_S
        if worst and (worst[0] != line or clock.monotonic() - line_s > _LINE_INTERVAL_S):
            line, line_s = worst[0], clock.monotonic()
            log.warning(
                "source.away", source=f"{channel.name}:{account}", why=worst[0], again_in_s=delay
            )
        await asyncio.sleep(delay)


def start(settings: Settings) -> None:
    """Run the stage to its end."""
    frame.run("ingest", settings, main)
