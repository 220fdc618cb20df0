"""The lines of Kafka's clients while a broker is away: events of ours, without repeats."""

import json
import subprocess
import sys

import pytest

from cli.up.ports import free_port
from runtime.repeats import Repeats
from tests.support.paths import ROOT

AWAY = """
import asyncio, sys, threading
from aiokafka.errors import KafkaError
from confluent_kafka import Consumer, KafkaException, Producer
from runtime.bus.client_settings import rdkafka_settings
from runtime.bus.readers import create_reader
from runtime import log
from runtime.settings.structs import KafkaSettings

log.configure("router", as_json=True)
kafka = KafkaSettings(bootstrap=f"127.0.0.1:{sys.argv[1]}")
consumer = Consumer(rdkafka_settings(kafka, **{"group.id": "santral-router", "client.id": "santral-r-1"}))
consumer.subscribe(["messages.v1"])
for _ in range(4):
    consumer.poll(0.2)
consumer.close()
producer = Producer(rdkafka_settings(kafka, **{"transactional.id": "t"}))
try:
    producer.init_transactions(1)
except KafkaException:
    producer.poll(0)

async def read():
    for _ in range(3):
        reader = create_reader(kafka, "messages.v1", group="g", client_id="santral-a-1")
        try:
            await reader.start()
        except KafkaError:
            pass

asyncio.run(read())
threading.Thread(target=lambda: log.get("x").warning("thread.event")).start()
"""


@pytest.mark.slow
def test_while_kafka_is_away_its_clients_log_a_few_events_of_ours_and_nothing_else() -> None:
    result = subprocess.run(
        [sys.executable, "-X", "dev", "-c", AWAY, str(free_port())],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    assert result.stdout == ""
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert {e["stage"] for e in events} == {"router"}, "threads included"
    assert events[-1]["event"] == "thread.event"
    assert {e["event"] for e in events[:-1]} == {"kafka.client"}
    assert {"santral-r-1", "santral"} == {e["client"] for e in events[:-1]}
    assert len(events) <= 8, [e.get("text") for e in events]


CRASHED = """
import asyncio, sys
from router.watch.app import build_app
from router.watch.state import WatchState
from runtime import log
from runtime.clock import SystemClock
from runtime.health.checks import LastSuccess
from runtime.settings.structs import KafkaSettings, Settings

log.configure("watch", as_json=True)
settings = Settings(kafka=KafkaSettings(bootstrap=f"127.0.0.1:{sys.argv[1]}"))

async def run():
    app = build_app(settings, WatchState(settings), LastSuccess(SystemClock(), 60, "decision"))
    thread = app.consumer._thread
    if sys.argv[2] != "outage":
        thread._create_worker_consumer = lambda _transport: 1 / 0
    if sys.argv[2] == "bug at once":

        class EndsAtOnce(thread.Worker):
            def start(self):
                super().start()
                assert self.is_stopped.wait(30)

        thread.Worker = EndsAtOnce
    await asyncio.gather(app.consumer.start(), return_exceptions=True)
    await asyncio.to_thread(thread._thread.join, 10)

asyncio.run(run())
"""


@pytest.mark.slow
@pytest.mark.parametrize("cause", ["outage", "bug", "bug at once"])
def test_a_crash_of_the_thread_of_faust_is_one_event(cause: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", CRASHED, str(free_port()), cause],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    assert result.stdout == ""
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert {e["event"] for e in events} == {"kafka.client"}
    (crash,) = [e for e in events if "Crashed" in e["text"]]
    assert crash["client"] == "faust"
    others = {e["client"] for e in events if e is not crash}
    assert others == ({"aiokafka"} if cause == "outage" else set())
    assert ("exception" in crash) is (cause != "outage")


def test_the_same_line_comes_once_a_minute_with_how_many_were_left_out() -> None:
    seconds = 0.0
    repeats = Repeats(lambda: seconds)
    assert repeats.admit("router", "Connect to 127.0.0.1:9092 failed (after 0ms)") == 0
    assert repeats.admit("router", "Connect to 127.0.0.1:9093 failed (after 7ms)") is None
    assert repeats.admit("recorder", "Connect to 127.0.0.1:9093 failed (after 7ms)") == 0
    assert repeats.admit("router", "Timed out") == 0
    seconds = 59.0
    assert repeats.admit("router", "Connect to 127.0.0.1:9092 failed (after 0ms)") is None
    seconds = 61.0
    assert repeats.admit("router", "Connect to 127.0.0.1:9092 failed (after 0ms)") == 2
