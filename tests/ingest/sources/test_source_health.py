"""The health of a source is a note and a metric, and never closes the door."""

import json

from ingest.sources.source_health import SourceHealth
from runtime.health.checks import Health
from runtime.metrics import exposition
from tests.support.manual_clock import ManualClock

SOURCE = "email:destek"
READY = b'santral_source_ready{source="email:destek"}'


def _note(health: Health) -> str:
    notes: dict[str, str] = json.loads(health.report(verbose=True)[1])["notes"]
    return notes[f"source {SOURCE}"]


def test_a_source_without_a_finished_pass_leaves_the_process_ready() -> None:
    health = Health("ingest")
    SourceHealth(SOURCE, health, ManualClock())
    assert health.report(verbose=True)[0] == 200
    assert _note(health) == "no finished poll yet"
    assert READY + b" 0.0" in exposition()


def test_a_pass_makes_the_source_ready() -> None:
    health = Health("ingest")
    SourceHealth(SOURCE, health, ManualClock()).report_pass("email:destek:INBOX")
    assert _note(health) == "ok"
    assert READY + b" 1.0" in exposition()


def test_a_metric_shows_the_age_of_a_mailboxs_last_pass() -> None:
    clock, health = ManualClock(), Health("ingest")
    SourceHealth(SOURCE, health, clock).report_pass("email:destek:INBOX")
    clock.seconds = 700
    age = b'santral_source_poll_age_seconds{source="email:destek:INBOX"} 700.0'
    assert age in exposition()
    assert health.report()[0] == 200
    assert "notes" not in json.loads(health.report()[1])
