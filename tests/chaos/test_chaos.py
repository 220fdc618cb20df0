"""Chaos: while customers write and agents work, every process is killed and frozen, the broker too,
and Redis is emptied, read-only, full and unable to save, and a mail server is away.

Nothing may be lost or doubled, each conversation keeps its order, one act closes an item, and each
answer leaves once. SANTRAL_CHAOS_MESSAGES sets the size, which is 6,000 in CI and 1,000,000 in
`make chaos`. SANTRAL_CHAOS_PAUSE_S sets the seconds between two harms, which are 2 and 20.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from redis.exceptions import RedisError

from cli.up.ports import free_port
from runtime.clock import SystemClock
from runtime.settings.structs import KafkaSettings
from runtime.store import engine
from schemas.decision import WorkItem
from tests.support.cluster.cluster import Front
from tests.support.cluster.mail_trail import log_lines, mail_trail
from tests.support.cluster.traffic import ClusterTraffic, Load, Sightings
from tests.support.cluster.verdict import (
    desk_findings,
    first_visits,
    lost_answers,
    mail_findings,
    outcomes,
    road_findings,
    silent_customers,
    work_items,
)
from tests.support.json_body import JsonBody
from tests.support.paths import ROOT
from tests.support.redis import states
from tests.support.servers.local_profile import LocalProfile
from tests.support.servers.mail_sink import MailSink
from tests.support.servers.postgres import Postgres
from tests.support.waiting import settled, wait

MESSAGES = int(os.environ.get("SANTRAL_CHAOS_MESSAGES", "6000"))
CONVERSATIONS = max(50, MESSAGES // 20)
SENDERS = 24 if MESSAGES < 100_000 else 96
PAUSE_S = float(os.environ.get("SANTRAL_CHAOS_PAUSE_S", "2"))
"""The time between the end of a harm and the next. Most stages are just back after 2 seconds, so a
long run leaves them more time to move messages."""
BAD_REDIS_S = 2.5
MAX_TRAILS = 3
SETTLE_S = 180 + MESSAGES / 1000
"""Until the ledger is at 0; one account of a million messages takes minutes."""
MAILS_S = 200
"""A reply that failed six times while its server was away waits 64 seconds or more for its next try."""
TEXTS = (
    "Faturam yanlış",
    "Kargom nerede?",
    "internet yok",
    "selam",
    "iade istiyorum",
    "Şifremi unuttum",
    "tamam",
    "I was charged twice",
    "aboneliğimi iptal edin",
    "zehirkural fatura",
    "zehirdesen kargo",
    "zehirmodel iade",
)
"""Texts of customers; on the last three a rule, a pattern and a model of the router raise."""
HARMS = (
    ("mail", "away"),
    ("router", "kill"),
    ("valkey", "flush"),
    ("recorder", "kill"),
    ("valkey", "read_only"),
    ("mail", "back"),
    ("kafka", "kill"),
    ("router", "freeze"),
    ("valkey", "full"),
    ("ingest", "kill"),
    ("desk", "kill"),
    ("recorder", "freeze"),
    ("valkey", "kill"),
    ("console", "kill"),
    ("mail", "away"),
    ("kafka", "freeze"),
    ("valkey", "unsaved"),
    ("desk", "freeze"),
    ("mail", "back"),
    ("ingest", "freeze"),
    ("watch", "kill"),
)
STATES: dict[str, Callable[[int], states.Undo]] = {
    "read_only": states.make_read_only,
    "full": states.fill_memory,
    "unsaved": states.break_saving,
}


@pytest.fixture
def sink() -> Iterator[MailSink]:
    """The mail server of the one mail account."""
    server = MailSink().start()
    yield server
    server.stop()


@pytest.fixture
def up(tmp_path: Path, postgres: Postgres, sink: MailSink) -> Iterator[LocalProfile]:
    """A local profile of its own, on PostgreSQL, with poison in its router and a mail account."""
    poison = f"{ROOT}{os.pathsep}{ROOT / 'tests/data/poisoned_site'}"
    mail_door = free_port()
    profile = LocalProfile(
        tmp_path,
        f"""
[desk]
lease = "8s"
[kafka]
ack_timeout = "5s"
[mail_door]
protocol = "lmtp"
port = {mail_door}
[channels.email.good]
addresses = ["good@destek.example"]
domain = "destek.example"
[actions.reply_email.good]
host = "127.0.0.1"
port = {sink.port}
tls = "none"
sender = "good@destek.example"
timeout_s = 10
""",
        SANTRAL_STORE__URL=postgres.url,
        PYTHONPATH=poison,
    ).start()
    profile.access["mail_door"] = mail_door
    yield profile
    assert profile.stop() == 0


class Chaos:
    """The writers, the agents and the killer of one run."""

    def __init__(self, up: LocalProfile, sink: MailSink, seed: int = 7) -> None:
        self.up, self.sink = up, sink
        self.random = random.Random(seed)
        access = up.access
        front = Front(access["door"], access["tokens"], access["mail_door"], ("good",))
        self.traffic = ClusterTraffic(front, Load(mails=2.0, senders=0, agents=4))
        self.sightings = self.traffic.sightings
        self.harms: Counter[str] = Counter()
        self.done = asyncio.Event()
        self.harmed = asyncio.Event()

    async def sender(self, number: int) -> None:
        """Send the conversations that are this sender's, in order, each until it is accepted."""
        own = [c for c in range(CONVERSATIONS) if c % SENDERS == number]
        rng = random.Random(number)
        step = -1
        # At least MESSAGES in all, and on until every kind of harm came once.
        while step < MESSAGES // CONVERSATIONS - 1 or not self.harmed.is_set():
            step += 1
            for conversation in own:
                body = {
                    "native_id": f"{conversation}-{step}",
                    "conversation": str(conversation),
                    "text": f"{rng.choice(TEXTS)} #{step}",
                    "sender": {"customer_no": str(conversation)},
                }
                identifier = await self.traffic.send(body)
                self.sightings.accepted[identifier] = (str(conversation), step)
                if rng.random() < 0.05:
                    assert await self.traffic.send(body) == identifier
                if step >= MESSAGES // CONVERSATIONS:
                    await self._pause(0.1)

    async def _pause(self, seconds: float) -> None:
        await asyncio.wait({asyncio.ensure_future(self.done.wait())}, timeout=seconds)

    async def killer(self) -> None:
        """Every few seconds do harm to one of them; each kind of harm comes in turn."""
        count = 0
        while not self.done.is_set():
            name, harm = HARMS[count % len(HARMS)]
            count += 1
            await asyncio.to_thread(self._harm, name, harm)
            self.harms[f"{harm} {name}"] += 1
            if count == len(HARMS):
                self.harmed.set()
            await self._pause(PAUSE_S)
        self.sink.start()

    def _harm(self, name: str, harm: str) -> None:
        if name == "mail":
            if harm == "away":
                self.sink.stop()
            else:
                self.sink.start()
            return
        if name == "valkey" and harm != "kill":
            with contextlib.suppress(RedisError):
                self._harm_redis(harm)
            return
        child = self.up.children().get(name)
        if child is None:
            self.harms[f"{name} was away"] += 1
            return
        try:
            if harm == "kill":
                child.send_signal(signal.SIGKILL)
            else:
                child.send_signal(signal.SIGSTOP)
                self._wait(self.random.uniform(2, 12))
                child.send_signal(signal.SIGCONT)
        except psutil.NoSuchProcess:
            self.harms[f"{name} was gone"] += 1

    def _harm_redis(self, harm: str) -> None:
        port = int(self.up.access["redis"].rpartition(":")[2].partition("/")[0])
        if harm == "flush":
            states.run_command(port, "FLUSHALL")
            return
        undo = STATES[harm](port)
        self._wait(BAD_REDIS_S)
        undo()

    @staticmethod
    def _wait(seconds: float) -> None:
        end = time.monotonic() + seconds
        wait("the harm is over", lambda: time.monotonic() > end, 20)

    async def run(self) -> None:
        """Send everything through the chaos."""
        self.traffic.start()
        killing = asyncio.create_task(self.killer())
        await asyncio.gather(*(self.sender(n) for n in range(SENDERS)))
        self.done.set()
        await killing
        await self.traffic.stop()


def _ledger(up: LocalProfile) -> JsonBody:
    result = up.cli("ledger", "--json", "--wait", "60", timeout_s=SETTLE_S)
    totals: JsonBody = json.loads(result.stdout.splitlines()[-1]) if result.stdout else {}
    if result.returncode == 0 and not totals["pending"]:
        return totals
    print(f"ledger: {result.stdout[-600:]} {result.stderr[-300:]}")  # noqa: T201 - why it is not settled yet
    return {}


async def settled_mail_findings(
    kafka: KafkaSettings, sightings: Sightings, sink: MailSink
) -> list[str]:
    """Return the findings about mails once all left, or after a while without the last."""

    async def present_findings() -> list[str]:
        return mail_findings(await outcomes(kafka), sightings, sink.answers, sink.acknowledged)

    return await settled(present_findings, MAILS_S)


async def _describe_missing(up: LocalProfile, sightings: Sightings, sink: MailSink) -> str:
    """Return the trails of the first mails that miss a reply, with the time and the logs."""
    kafka = KafkaSettings(bootstrap=up.access["kafka"])
    records = await outcomes(kafka)
    senders = {
        *silent_customers(records, sightings, sink.acknowledged),
        *lost_answers(records, sightings, sink.answers).values(),
    }
    lines = [f"{len(senders)} mails miss a reply at {SystemClock().now():%T}"]
    for sender in sorted(senders)[:MAX_TRAILS]:
        trail = await mail_trail(kafka, sender)
        lines += [sender, *trail.lines(), *log_lines(up.home, trail.ids)]
    return "\n".join(lines)


def _check_poison(items: list[WorkItem]) -> None:
    """Check that each poisoned message, and only those, came to triage with its flag."""
    for item in first_visits(items):
        poisoned = item.message.text.startswith("zehir")
        assert poisoned == ("router.bug" in item.decision.flags), item.message.text
        assert item.decision.department == "triage" or not poisoned


def _rows(url: str) -> tuple[dict[str, int], int, set[str]]:
    """Return the store's counts, how many messages have a decision, and its outcomes' ids."""
    store = engine(url)
    with store.connect() as connection:
        counts = {
            name: int(connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar() or 0)
            for name in ("messages", "dead")
        }
        first = connection.exec_driver_sql("SELECT count(DISTINCT message) FROM decisions").scalar()
        recorded = {row[0] for row in connection.exec_driver_sql("SELECT id FROM outcomes")}
    store.dispose()
    return counts, int(first or 0), recorded


def _crashes(up: LocalProfile) -> list[str]:
    """Return the ends of stages with a traceback; 70 is the fence, and a signal is ours."""
    log = (up.home / "up.log").read_text()
    return re.findall(r"\w+ ended \(exit code (?!70)\d+\)", log)


@pytest.mark.chaos
@pytest.mark.alone
async def test_nothing_is_lost_or_doubled_while_processes_die(
    up: LocalProfile, sink: MailSink
) -> None:
    chaos = Chaos(up, sink)
    began = time.monotonic()
    await chaos.run()
    seconds, sightings = time.monotonic() - began, chaos.sightings
    assert len(sightings.accepted) >= MESSAGES // CONVERSATIONS * CONVERSATIONS
    ledger = await asyncio.to_thread(wait, "the ledger settles at 0", lambda: _ledger(up), SETTLE_S)
    assert ledger["unaccounted"] == 0
    kafka = KafkaSettings(bootstrap=up.access["kafka"])
    mails = await settled_mail_findings(kafka, sightings, sink)
    items, records = await work_items(kafka), await outcomes(kafka)
    print(  # noqa: T201 - the run's figures, for whoever reads the log
        f"\nchaos: {len(sightings.accepted)} messages in {seconds:.0f} s, {dict(chaos.harms)}, "
        f"{dict(sorted(sightings.statuses.items()))}, {len(sightings.answers)} answers"
    )
    assert mails == [], await _describe_missing(up, sightings, sink)
    assert road_findings(items, sightings) == []
    assert desk_findings(records, sightings) == []
    assert sightings.wrong == [], "each refusal is a sentence with Retry-After"
    assert _crashes(up) == [], "a neighbour's absence ends no stage"
    _check_poison(items)
    counts, decided, recorded = _rows(os.environ.get("SANTRAL_STORE__URL") or up.access["store"])
    accepted = len(sightings.accepted) + len(sightings.mailed)
    assert (counts, decided) == ({"messages": accepted, "dead": 0}, accepted)
    assert sightings.closed.keys() <= recorded, "an outcome that was answered with 200 is recorded"
