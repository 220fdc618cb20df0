"""`santral sla replay` folds the records of a file."""

import json
from datetime import datetime
from pathlib import Path

import msgspec
from click.testing import CliRunner, Result

from cli.main import main
from schemas.base import Json
from schemas.decision import Decision
from schemas.outcome import Outcome

SETTINGS = """
[calendars.office]
week = { mon = "09:00-18:00", tue = "09:00-18:00", wed = "09:00-18:00", thu = "09:00-18:00", fri = "09:00-18:00" }
[sla.default]
calendar = "office"
first_response = "4h"
resolution = "8h"
"""


def decision(message: str, when: str, **fields: object) -> dict[str, Json]:
    """Return a line with a decision on a message."""
    record = Decision(
        message=message,
        brand="acme",
        channel="email",
        conversation=str(fields.pop("conversation", "c1")),
        department="billing",
        intent="complaint",
        action="queue",
        decided_at=datetime.fromisoformat(when),
    )
    value = msgspec.to_builtins(record, enc_hook=str) | fields
    return {"topic": "decisions.v1", "at": when, "value": value}


def outcome(kind: str, when: str, **fields: Json) -> dict[str, Json]:
    """Return a line with an outcome."""
    record = Outcome(
        id=f"{kind} {when}",
        kind=kind,
        brand="acme",
        conversation="c1",
        item="i",
        department="billing",
        messages=("m1",),
        at=datetime.fromisoformat(when),
    )
    value = msgspec.to_builtins(record) | fields
    return {"topic": "outcomes.v1", "at": when, "value": value}


def replay(folder: Path, *lines: dict[str, Json], now: str = "2026-12-04T18:00+03:00") -> Result:
    """Replay lines with the settings above."""
    (folder / "T.toml").write_text(SETTINGS)
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    options = ["--config", str(folder / "T.toml"), "--now", now]
    return CliRunner().invoke(main, ["sla", "replay", str(folder / "events.jsonl"), *options])


def steps(result: Result, *kinds: str) -> list[tuple[str, str, str]]:
    """Return kind, step and time of the lines of some kinds of clocks."""
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return [(line["kind"], line["what"], line["at"]) for line in lines if line["kind"] in kinds]


def test_records_in_any_order_become_steps_in_the_order_of_their_times(tmp_path: Path) -> None:
    lines = [
        outcome("replied", "2026-12-01T10:00:00+03:00", by="person"),
        decision("m1", "2026-11-30T16:00:00+03:00"),
        outcome("resolved", "2026-12-01T11:00:00+03:00"),
    ]
    assert steps(replay(tmp_path, *lines), "first_response", "resolution") == steps(
        replay(tmp_path, *lines[::-1]), "first_response", "resolution"
    )
    assert steps(replay(tmp_path, *lines), "first_response") == [
        ("first_response", "started", "2026-11-30T13:00:00Z"),
        ("first_response", "met", "2026-12-01T07:00:00Z"),
    ]


def test_a_promise_that_nobody_keeps_is_a_breach_at_its_due_time(tmp_path: Path) -> None:
    result = replay(tmp_path, decision("m1", "2026-11-30T16:00:00+03:00"))
    assert steps(result, "first_response")[1:] == [
        ("first_response", "breached", "2026-12-01T08:00:00Z")
    ]


def test_nothing_after_now_counts(tmp_path: Path) -> None:
    lines = [
        decision("m1", "2026-11-30T16:00:00+03:00"),
        outcome("replied", "2026-12-01T10:00:00+03:00"),
    ]
    result = replay(tmp_path, *lines, now="2026-12-01T09:30+03:00")
    assert [what for _, what, _ in steps(result, "first_response")] == ["started"]


def test_acknowledgements_holding_texts_and_notes_stop_nothing(tmp_path: Path) -> None:
    lines = [decision("m1", "2026-11-30T09:00:00+03:00")]
    lines += [
        outcome("replied", f"2026-11-30T1{n}:00:00+03:00", by=author)
        for n, author in enumerate(("acknowledgement", "holding", "automation"))
    ]
    lines += [outcome("note", "2026-11-30T12:30:00+03:00")]
    # A record of an earlier version has no author, and a holding text names its incident.
    lines += [outcome("replied", "2026-11-30T12:40:00+03:00", reason="incident i1")]
    assert [what for _, what, _ in steps(replay(tmp_path, *lines), "first_response")] == [
        "started",
        "breached",
    ]


def test_messages_that_are_not_spoken_start_nothing(tmp_path: Path) -> None:
    when = "2026-11-30T09:00:00+03:00"
    event = [{"kind": "state", "id": "event", "version": "1"}]
    lines = [
        decision("m1", when, action="automatic"),
        decision("m2", when, flags=["spam"]),
        decision("m3", when, flags=["imported"]),
        decision("m4", when, flags=["closing"]),
        decision("m5", when, channel="internal"),
        decision("m6", when, action="append", reasons=event),
        decision("m7", when, action="repeat"),
    ]
    result = replay(tmp_path, *lines)
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_record_that_comes_twice_counts_once(tmp_path: Path) -> None:
    line = decision("m1", "2026-11-30T16:00:00+03:00")
    assert replay(tmp_path, line, line).stdout == replay(tmp_path, line).stdout


def test_a_wait_until_a_time_pauses_the_resolution(tmp_path: Path) -> None:
    lines = [
        decision("m1", "2026-11-30T09:00:00+03:00"),
        outcome(
            "waiting",
            "2026-11-30T10:00:00+03:00",
            wait={"for": "customer", "until": "2026-11-30T12:00:00+03:00"},
        ),
    ]
    assert steps(replay(tmp_path, *lines), "resolution")[1:] == [
        ("resolution", "paused", "2026-11-30T07:00:00Z"),
        ("resolution", "resumed", "2026-11-30T09:00:00Z"),
        ("resolution", "breached", "2026-12-01T07:00:00Z"),
    ]


def test_other_topics_and_newer_words_are_passed_over(tmp_path: Path) -> None:
    lines = [
        decision("m1", "2026-11-30T16:00:00+03:00"),
        outcome("invented", "2026-11-30T17:00:00+03:00"),
        {"topic": "pulses.v1", "at": "2026-11-30T17:00:00+03:00", "value": {"x": 1}},
    ]
    assert replay(tmp_path, *lines).stdout == replay(tmp_path, lines[0]).stdout


def test_a_line_that_is_not_a_record_is_named(tmp_path: Path) -> None:
    result = replay(tmp_path, decision("m1", "2026-11-30T16:00:00+03:00"), {"topic": "x"})
    assert result.exit_code == 2
    assert "line 2" in result.stderr


def test_now_needs_an_offset(tmp_path: Path) -> None:
    result = replay(tmp_path, now="2026-12-04T18:00")
    assert result.exit_code == 2
    assert "+03:00" in result.stderr
