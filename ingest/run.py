"""`santral ingest`: the door and every pull channel of the settings, in one process.

Before: runtime/cli.py. After: messages.v1. Any number of these may run side by side.
"""

import asyncio
import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from ingest import mail_door
from ingest.accept import Ingest
from ingest.channel import Channel, Context, Delivery, PullChannel, Source, Tools
from ingest.cursors import Cursors
from ingest.door import Door, app
from ingest.registry import CHANNELS
from ingest.replies import Replies
from ingest.scan import Scanner
from runtime import bus, http, metrics, stage
from runtime.archive import Folder
from runtime.bus import Publisher
from runtime.clock import Clock
from runtime.health import Fresh, Health
from runtime.journal import Journal
from runtime.log import get
from runtime.settings import Settings, section
from schemas.errors import Retry, retries

log = get(__name__)

# How long a source may go without a finished pass before readiness says so.
_POLL_AGE_S = 600.0
_CATCH_UP_S = 2.0


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


def build(settings: Settings, clock: Clock, publisher: Publisher) -> Ingest:
    """Return the ingest step of these settings."""
    context = Context(brand=settings.brand, signing_key=settings.tokens.signing.encode())
    return Ingest(
        archive=Folder(settings.archive_path), publisher=publisher, clock=clock, context=context,
        scanner=Scanner(settings.scan),
    )  # fmt: skip


async def main(settings: Settings, health: Health, clock: Clock, stop: asyncio.Event) -> None:
    """Run door and channels until `stop`."""
    publisher = Publisher(settings.kafka, f"santral-ingest-{os.getpid()}")
    ingest = build(settings, clock, publisher)
    replies = Replies(settings.kafka, clock, f"santral-door-{os.getpid()}")
    health.add("kafka", lambda: None if publisher.healthy else "the last publish failed")
    health.add("replies", replies.fresh)
    sockets = [http.listen(settings.door.host, settings.door.port)]
    cursors = Cursors(settings.kafka, publisher)
    journal = Journal(settings.journal_path)
    async with (
        httpx2.AsyncClient(base_url=settings.door.desk_url) as desk,
        httpx2.AsyncClient(follow_redirects=False) as outside,
    ):
        found = accounts(settings)
        door = Door(
            settings=settings, ingest=ingest, replies=replies, accounts=found, desk=desk,
            outside=outside, journal=journal,
        )  # fmt: skip
        server = http.server(app(door, health))
        pulls = [
            _pull(channel, name, account, ingest, cursors, health, clock, settings.home_path)
            for channel in CHANNELS.values()
            for name, account in found[channel.name].items()
            if isinstance(channel, PullChannel) and channel.pulls(account)
        ]
        serving = [http.serve(server, sockets, stop)]
        mail_door.check(settings.mail_door, found["email"])
        if settings.mail_door.protocol != "off":
            receiver = mail_door.Receiver(ingest, CHANNELS["email"], found["email"])
            serving.append(mail_door.serve(settings.mail_door, receiver, stop))
        catching = _catch_up(journal, ingest, found)
        await stage.until(stop, _follow(replies), catching, *pulls, finishing=serving)
    await publisher.stop()


async def _catch_up(
    journal: Journal, ingest: Ingest, found: Mapping[str, Mapping[str, Any]]
) -> None:
    """Publish what waits in the journal, again and again: Kafka may be back."""
    while True:
        metrics.gauge("santral_deliveries_waiting", await asyncio.to_thread(journal.count))
        try:
            await publish_waiting(journal, ingest, found)
        except Retry as error:
            log.info("journal.later", why=str(error))
        await asyncio.sleep(_CATCH_UP_S)


async def publish_waiting(
    journal: Journal, ingest: Ingest, found: Mapping[str, Mapping[str, Any]]
) -> int:
    """Take up every delivery that waits, in their order; raise Retry when Kafka is still away."""
    count = 0
    for path, waiting, raw in await asyncio.to_thread(lambda: list(journal.entries())):
        account = found.get(waiting.channel, {}).get(waiting.account)
        if account is None:
            log.error("journal.no_account", channel=waiting.channel, account=waiting.account)
            continue  # it stays, and is counted, until the account is configured again
        delivery = Delivery(
            raw=raw, account=waiting.account, received_at=waiting.received_at,
            traceparent=waiting.traceparent,
        )  # fmt: skip
        try:
            await ingest.accept(CHANNELS[waiting.channel], delivery, account, bury=True)
        except Retry:
            raise
        except Exception:
            # A bug that one delivery brings out must not hold all the others up for ever.
            log.exception("journal.bug", path=str(path))
            await asyncio.to_thread(journal.aside, path)
            continue
        await asyncio.to_thread(journal.done, path)
        count += 1
    return count


async def _follow(replies: Replies) -> None:
    """Keep following replies.v1 over a broker that goes and comes back."""
    while True:
        try:
            await replies.follow()
        except bus.AWAY as error:
            log.warning("replies.away", error=str(error))
            await asyncio.sleep(2)


def _kept(folder: Path, name: str) -> str | None:
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


async def _pull(
    channel: Channel, account: str, settings: Any, ingest: Ingest, cursors: Cursors,
    health: Health, clock: Clock, home: Path,
) -> None:  # fmt: skip
    """Run one source for ever; what ends it is waited out, longer each time."""
    fresh = Fresh(clock, _POLL_AGE_S, "finished poll")
    health.add(f"{channel.name}:{account}", fresh)

    def polled(source: str) -> None:
        fresh.succeeded()
        metrics.gauge("santral_source_poll_age_seconds", 0, source=source)

    async def accept(delivery: Delivery) -> None:
        await ingest.accept(channel, delivery, settings, bury=True)

    assert isinstance(channel, PullChannel)
    tools = Tools(
        now=clock.now, pause=asyncio.sleep, warn=log.warning, polled=polled,
        kept=functools.partial(_kept, home / "secrets"),
        keep=functools.partial(_keep, home / "secrets"),
    )  # fmt: skip
    source: Source = channel.source(account, settings, tools)
    delay, restored = 1.0, False
    while True:
        worst: list[str] = []
        try:
            if not restored:
                await cursors.restore()
                restored = True
            await source.run(accept, cursors)
        except* Retry as errors:
            found = retries(errors)
            worst = [str(e) for e in found]
            after = max(e.after for e in found)
            # Doubles while nothing succeeds; a source that worked a minute ago is asked soon.
            age = fresh.age()
            delay = min(60.0, delay * 2) if age is None or age > 60 else min(after, 5.0)
        except* bus.AWAY as errors:
            worst = [str(errors.exceptions[0])]
        if worst:
            log.warning(
                "source.away", source=f"{channel.name}:{account}", why=worst[0], again_in_s=delay
            )
        await asyncio.sleep(delay)


def start(settings: Settings) -> None:
    """Run the stage to its end."""
    stage.run("ingest", settings, main)
