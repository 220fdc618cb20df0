"""`santral ingest` runs the doors and every source of the settings in one process.

They take deliveries, and the process publishes messages.v1. Any number of these processes may run
side by side. Those of one host share the HTTP door's port where `[door] share_port` says so; one of
them has the sources and the mail door, and the others only the HTTP door.
"""

import asyncio
import contextlib
import functools
import os
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass

import httpx2
import msgspec

from ingest.accounts import Accounts, accounts_of, configured_accounts
from ingest.channel import AccountSettings
from ingest.channels.email import Email
from ingest.door import lmtp
from ingest.door.call_memory import CallMemory
from ingest.door.chat_replies import ChatReplies
from ingest.door.http import Door, app
from ingest.intake.accept import Ingest
from ingest.intake.build import build_ingest
from ingest.intake.cursors import Cursors
from ingest.intake.drain import SpoolDrain
from ingest.parser_pool.pool import ParserPool
from ingest.registry import CHANNELS
from ingest.source import PullChannel, Source, SourceContext
from ingest.sources.source_health import SourceHealth
from ingest.sources.state_folder import StateFolder
from runtime.bus.client_settings import BROKER_ERRORS
from runtime.bus.publisher import Publisher
from runtime.clock import Clock
from runtime.health.checks import Health
from runtime.health.neighbour import Backoff, Neighbour
from runtime.http.guard import Guard
from runtime.http.public_client import PublicClient
from runtime.http.server import build_server, open_listener, serve
from runtime.log import get
from runtime.redis.client import connect
from runtime.settings.structs import MailDoorSettings, Settings
from runtime.stage import frame, probes
from schemas.errors import Retry, retries

log = get(__name__)

_EMAIL = Email()

_MAX_OWN_DELAY_S = 30.0  # a vendor's errors name at least a longer delay, which ingest obeys
_MAX_DELAY_S = 3600.0
_LOG_INTERVAL_S = 60.0
_NEIGHBOUR_PAUSE_S = 8.0
"""The pause of a source while Kafka or the archive is away: each try hands its batch over."""


async def main(
    settings: Settings,
    health: Health,
    clock: Clock,
    stop: asyncio.Event,
    *,
    with_sources: bool = True,
) -> None:
    """Run doors and sources until `stop`."""
    kafka = probes.kafka_neighbour(settings, clock)
    # A vendor's call is remembered in the process while Redis is away: a note, not a check.
    memory = probes.redis_neighbour(settings, clock)
    publisher = Publisher(settings.kafka, f"santral-ingest-{os.getpid()}", kafka)
    web = PublicClient()
    parsers = ParserPool(settings.parsers)
    ingest = build_ingest(settings, clock, publisher, parsers, web, uploads=True)
    archive = probes.archive_neighbour(ingest.archive, settings, clock)
    replies = ChatReplies(settings.kafka, clock, f"santral-door-{os.getpid()}")
    health.add("kafka", kafka.problem)
    health.add("archive", archive.problem)
    health.note("redis", memory.problem)
    for neighbour in (kafka, archive, memory):
        neighbour.start()
    health.add("replies", replies.fresh)
    health.add("parsers", parsers.problem)
    runner = SourceRunner(
        ingest=ingest,
        cursors=Cursors(settings.kafka, publisher),
        state=StateFolder(settings.home_path),
        health=health,
        clock=clock,
        neighbours=(kafka, archive),
    )
    accounts = configured_accounts(settings)
    async with parsers, _doors(settings, ingest, replies, accounts, health, stop) as serving:
        sources = [
            runner.run(channel, account, account_settings)
            for channel, account, account_settings in _pulled(accounts)
            if with_sources
        ]
        drain = SpoolDrain(ingest, accounts)
        health.finish_start()
        await frame.until(stop, _follow(replies, kafka), drain.run(), *sources, finishing=serving)
    await web.close()
    await publisher.stop()
    await asyncio.to_thread(ingest.archive.close)
    for neighbour in (kafka, archive, memory):
        neighbour.stop()


@contextlib.asynccontextmanager
async def _doors(
    settings: Settings,
    ingest: Ingest,
    replies: ChatReplies,
    accounts: Accounts,
    health: Health,
    stop: asyncio.Event,
) -> AsyncIterator[Sequence[Awaitable[None]]]:
    """Yield the servers of the doors, which finish their calls after `stop`."""
    door_settings = settings.door
    sockets = [
        open_listener(door_settings.host, door_settings.port, shared=door_settings.share_port)
    ]
    redis = connect(settings.redis)
    async with (
        httpx2.AsyncClient(base_url=settings.door.desk_url) as desk,
        httpx2.AsyncClient(follow_redirects=False) as outside,
    ):
        door = Door(
            settings=settings,
            ingest=ingest,
            replies=replies,
            accounts=accounts,
            desk=desk,
            outside=outside,
            memory=CallMemory(redis),
        )
        guard = Guard(settings.limits)
        serving = [serve(build_server(app(door, health), guard), sockets, stop)]
        mail_accounts = accounts_of(accounts, _EMAIL)
        lmtp.check(settings.mail_door, mail_accounts)
        if settings.mail_door.protocol != "off":
            receiver = lmtp.Receiver(ingest, _EMAIL, mail_accounts)
            serving.append(lmtp.serve(settings.mail_door, receiver, stop, guard))
        yield serving
    await redis.aclose()


def _pulled(accounts: Accounts) -> list[tuple[str, str, AccountSettings]]:
    """Return channel, account and settings of every account that has a source."""
    return [
        (name, account, settings)
        for name, channel in CHANNELS.items()
        if isinstance(channel, PullChannel)
        for account, settings in accounts[name].items()
        if channel.pulls(settings)
    ]


async def _follow(replies: ChatReplies, kafka: Neighbour) -> None:
    """Keep following replies.v1 over a broker that goes and comes back."""
    while True:
        try:
            await replies.follow()
        except BROKER_ERRORS as error:
            kafka.failed(error)
            await asyncio.sleep(Backoff.LONGEST_S)


@dataclass(frozen=True, kw_only=True)
class SourceRunner:
    """Runs the sources of a process, each for ever and independent of the others.

    While one of our own `neighbours` is away the pauses stay short: no vendor is the cause.
    """

    ingest: Ingest
    cursors: Cursors
    state: StateFolder
    health: Health
    clock: Clock
    neighbours: Sequence[Neighbour] = ()

    async def run(self, name: str, account: str, settings: AccountSettings) -> None:
        """Run the source of one account for ever, after each failure with a longer pause."""
        channel = CHANNELS[name]
        assert isinstance(channel, PullChannel)
        restarts = _Restarts(f"{name}:{account}", self.health, self.clock)
        context = SourceContext(
            now=self.clock.now,
            pause=asyncio.sleep,
            warn=log.warning,
            report_pass=restarts.health.report_pass,
            load_state=self.state.load,
            save_state=self.state.save,
            shorten_pause=self.shorten_pause,
        )
        source: Source | None = None
        restored = False
        while True:
            try:
                if not restored:
                    await self.cursors.restore()
                    restored = True
                source = source or channel.source(account, settings, context)
                accept = functools.partial(
                    self.ingest.publish_or_spool, CHANNELS[name], settings, patient=source.patient
                )
                await source.run(accept, self.cursors)
            except* Retry as errors:
                restarts.count_retry(retries(errors))
            except* BROKER_ERRORS as errors:
                restarts.reason = str(errors.exceptions[0])
            except* Exception as errors:  # noqa: BLE001 - count_bug logs it
                # A bug of one channel stops that channel, loudly, and no other.
                restarts.count_bug(errors.exceptions[0])
            await asyncio.sleep(restarts.next_delay_s(away=self._is_neighbour_away()))

    def shorten_pause(self, pause_s: float) -> float:
        """Return a short pause while one of our neighbours is away, else the same pause."""
        return min(pause_s, _NEIGHBOUR_PAUSE_S) if self._is_neighbour_away() else pause_s

    def _is_neighbour_away(self) -> bool:
        return any(neighbour.problem() for neighbour in self.neighbours)


class _Restarts:
    """The failures of one source, the delay that follows each, and a log line a minute."""

    def __init__(self, source: str, health: Health, clock: Clock) -> None:
        self.health = SourceHealth(source, health, clock)
        self.reason = ""
        self._source, self._clock = source, clock
        self._delay_s = 1.0
        self._logged, self._logged_at_s = "", 0.0

    def count_retry(self, errors: Sequence[Retry]) -> None:
        """Note that a source asked for a delay.

        The delay doubles while nothing succeeds. A source with a pass in the last minute gets a
        short delay, unless it named a long one itself.
        """
        self.reason = str(errors[0])
        after_s = max(error.after for error in errors)
        age_s = self.health.age()
        if age_s is None or age_s > 60:
            self._delay_s = min(60.0, self._delay_s * 2)
        else:
            self._delay_s = min(after_s, 5.0)
        if after_s > _MAX_OWN_DELAY_S:
            self._delay_s = max(self._delay_s, min(after_s, _MAX_DELAY_S))

    def count_bug(self, error: BaseException) -> None:
        """Log the traceback of a bug in a source's code."""
        self.reason = f"{type(error).__name__}: a bug, see above"
        self._delay_s = min(600.0, max(10.0, self._delay_s * 2))
        log.exception("source.bug", source=self._source)

    def next_delay_s(self, *, away: bool) -> float:
        """Return the seconds until the next start, and log the reason of a failure.

        `away` tells that one of our neighbours is away.
        """
        reason, self.reason = self.reason, ""
        if not reason:
            return self._delay_s
        if away:
            self._delay_s = Backoff.LONGEST_S
        now_s = self._clock.monotonic()
        if reason != self._logged or now_s - self._logged_at_s > _LOG_INTERVAL_S:
            self._logged, self._logged_at_s = reason, now_s
            log.warning("source.away", source=self._source, why=reason, again_in_s=self._delay_s)
        return self._delay_s


def start(settings: Settings, *, only_door: bool = False) -> None:
    """Run the stage to its end; `only_door` leaves out the sources and the mail door."""
    if only_door:
        settings = msgspec.structs.replace(settings, mail_door=MailDoorSettings(protocol="off"))
    frame.run("ingest", settings, functools.partial(main, with_sources=not only_door))
