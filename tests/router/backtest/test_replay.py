"""Backtests: recorded traffic decided again with other rules, and what people taught."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from cli.main import main
from router.backtest.replay import replay
from router.decision.apply_outcome import apply_outcome
from router.decision.decide import RoutingResult, decide_message
from router.text.pack_compiler import compile_pack
from runtime import store
from runtime.settings.structs import Settings
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.state.conversation import ConversationState
from tests.support.messages import NOW, message, policy
from workers.console.backtest_page import page
from workers.recorder.rows import Rows, add_record
from workers.run import MIGRATIONS
from workers.store import tables
from workers.store.recorded_traffic import labelled_lines
from workers.store.rule_usage import read_usage

SAID = {
    "1": "faturam çok yüksek geldi",
    "2": "modem çalışmıyor, internet yok",
    "3": "ürünü iade etmek istiyorum",
    "4": "teleferik nerede",
    "5": "faturam yanlış, IBAN TR330006100519786457841326 numaralı hesaba yatırın",
}


def _message(native: str, text: str, hours: float, root: str = "") -> Message:
    return message(text, native, root or native, received_at=NOW + timedelta(hours=hours))


def _moved(decided: RoutingResult, to: str, hours: float, kind: Any = "rerouted") -> Outcome:
    assert decided.item is not None
    decision = decided.decision
    return Outcome(
        id=f"{kind}-{decision.message}",
        kind=kind,
        brand="default",
        conversation=decision.conversation,
        item=decision.message,
        department=decision.department,
        messages=(decision.message,),
        at=NOW + timedelta(hours=hours),
        agent="ali",
        reason="yanlış",
        to=to or None,
        moved=decided.item if to else None,
    )


def _traffic() -> list[Message | Outcome]:
    """Five messages; people move the fourth to sales and resolve the first; a follow-up comes."""
    made: list[Message | Outcome] = [_message(k, t, int(k)) for k, t in SAID.items()]
    first, fourth = (
        decide_message(m, None, policy(), NOW) for m in (made[0], made[3]) if isinstance(m, Message)
    )
    made.append(_moved(fourth, "sales", 6))
    made.append(_moved(first, "", 7, "resolved"))
    made.append(_message("6", "tamam teşekkürler", 8, root="4"))
    return made


def _candidate() -> Any:
    pack = policy().pack
    rule = msgspec.structs.replace(
        pack.rules[0],
        id="x.tram",
        department="sales",
        any=("teleferik*",),
        all=(),
        none=(),
        weight=5.0,
        priority=0,
        severity=0,
        sentiment=0.0,
        intent=None,
        topics=(),
        match=("teleferik",),
        no_match=("otobüs",),
    )
    softer = tuple(
        msgspec.structs.replace(r, priority=r.priority + 7) if r.department == "returns" else r
        for r in pack.rules
    )
    return replace(policy(), pack=compile_pack("candidate", (*softer, rule)))


def test_what_a_candidate_changes_is_told_with_its_messages_and_the_people_behind_it() -> None:
    fourth = _message("4", SAID["4"], 4)
    report = replay(
        _traffic(),
        policy(),
        _candidate(),
        people={fourth.id: "sales"},
        recorded={fourth.id: "triage"},
    )
    assert (report.messages, report.changed, report.department_changed) == (6, 2, 1)
    assert (report.triage_before, report.triage_after) == (1, 0)
    assert (report.raised, report.lowered) == (1, 0)
    assert [(m.before, m.after, m.count) for m in report.moves] == [("triage", "sales", 1)]
    tram = next(e for e in report.examples if e.message == fourth.id)
    assert (tram.people, tram.after.department, "x.tram" in tram.after.reasons) == (
        "sales",
        "sales",
        True,
    )
    assert report.judged is not None
    assert (report.judged.before, report.judged.after, report.judged.messages) == (0.0, 1.0, 1)
    (sales,) = [d for d in report.departments if d.department == "sales"]
    assert (sales.lines, sales.recall_before, sales.recall_after, sales.precision_after) == (
        1,
        0.0,
        1.0,
        1.0,
    )
    assert sum(x.before for x in report.load) == sum(x.after for x in report.load) == 5
    assert report.as_recorded == 1
    fired = {f.rule: (f.before, f.after) for f in report.rules}
    assert fired["x.tram"] == (0, 1)
    assert fired["billing.invoice"] == (2, 2)
    assert fired["press.media"] == (0, 0)


def test_each_side_keeps_its_own_conversations_and_people_move_both() -> None:
    report = replay(_traffic(), policy(), policy())
    assert (report.changed, report.examples) == (0, ())
    follow_up = [e for e in _traffic() if isinstance(e, Message)][-1]
    states: dict[str, ConversationState] = {}
    for event in _traffic()[:-1]:
        made = (
            decide_message(event, states.get(event.conversation), policy(), NOW)
            if isinstance(event, Message)
            else apply_outcome(event, states.get(event.conversation), policy().departments, NOW)
        )
        state = made.state if isinstance(made, RoutingResult) else made
        if state is not None:
            states[event.conversation] = state
    decided = decide_message(follow_up, states[follow_up.conversation], policy(), NOW).decision
    assert (decided.department, decided.action) == ("sales", "append"), (
        "it follows where people moved it"
    )
    since = replay(_traffic(), policy(), _candidate(), since=follow_up.received_at)
    assert (since.messages, since.changed) == (1, 0), (
        "what was before makes the states and is not counted"
    )


def test_an_example_shows_no_personal_number_and_the_page_escapes_what_customers_wrote() -> None:
    pack = policy().pack
    louder = tuple(
        msgspec.structs.replace(r, priority=min(100, r.priority + 9)) for r in pack.rules
    )
    traffic = [*_traffic(), _message("7", "<script>alert(1)</script> faturam yüksek", 9)]
    report = replay(traffic, policy(), replace(policy(), pack=compile_pack("louder", louder)))
    raw = msgspec.json.encode(report)
    assert b"TR330006100519786457841326" not in raw
    shown = page(raw)
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert 'role="img"' in shown


@pytest.fixture
def recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[Message | Outcome]], Settings]:
    """A store with that traffic, as the recorder writes it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANTRAL_HOME", str(tmp_path / "var"))

    def keep(events: list[Message | Outcome]) -> Settings:
        settings = Settings(home=str(tmp_path / "var"))
        store.migrate(settings.store_url, MIGRATIONS)
        rows, states = Rows(), dict[str, ConversationState]()
        for offset, event in enumerate(events):
            topic = "messages.v1" if isinstance(event, Message) else "outcomes.v1"
            add_record(rows, topic, 0, offset, msgspec.json.encode(event))
            at = event.received_at if isinstance(event, Message) else event.at
            old = states.get(event.conversation)
            made = (
                decide_message(event, old, policy(), at)
                if isinstance(event, Message)
                else apply_outcome(event, old, policy().departments, at)
            )
            if isinstance(made, RoutingResult):
                add_record(rows, "decisions.v1", 0, offset, msgspec.json.encode(made.decision))
            state = made.state if isinstance(made, RoutingResult) else made
            if state is not None:
                states[event.conversation] = state
        engine = store.engine(settings.store_url)
        with engine.begin() as connection:
            for table, found in (
                (tables.MESSAGES, rows.messages),
                (tables.DECISIONS, rows.decisions),
                (tables.OUTCOMES, rows.outcomes),
            ):
                names = [c.name for c in table.columns][: len(found[0])]
                connection.execute(insert(table), [dict(zip(names, r, strict=True)) for r in found])
        engine.dispose()
        return settings

    return keep


@pytest.mark.slow
def test_the_command_reports_and_its_exit_code_is_for_ci(
    recorded: Callable[[list[Message | Outcome]], Settings], tmp_path: Path
) -> None:
    recorded(_traffic())
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.toml").write_text(
        '[[rule]]\nid = "own.tram"\ndepartment = "sales"\nany = ["teleferik*"]\ntr = "teleferik"\nen = "tram"\n'
        'match = ["teleferik"]\nno_match = ["otobüs"]\nweight = 5\n'
    )
    runner = CliRunner()

    def run(*more: str) -> Any:
        return runner.invoke(main, ["backtest", "--rules", "rules", *more])

    told = run("--page", "report.html")
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert report["messages"] == 6
    assert report["as_recorded"] == 6
    assert report["judged"]["messages"] == 2
    assert "would change" in told.stderr
    assert "teleferik" in (tmp_path / "report.html").read_text()
    assert run("--max-change", "10").exit_code == 1
    assert "too much" in run("--max-change", "10").stderr
    assert run("--max-change", "100", "--min-accuracy", "50").exit_code == 0
    assert run("--min-accuracy", "100").exit_code == 1
    assert run("--since", "2027-01-01").exit_code == 2
    assert run("--since", "yesterday").exit_code == 2
    since = (NOW + timedelta(hours=7, minutes=30)).isoformat()
    assert json.loads(run("--since", since).stdout)["messages"] == 1


def test_the_rules_page_counts_what_fires_and_where_people_overrule(
    recorded: Callable[[list[Message | Outcome]], Settings],
) -> None:
    settings = recorded(_traffic())
    engine = store.engine(settings.store_url, read_only=True)
    with engine.connect() as connection:
        told = read_usage(connection, (NOW + timedelta(days=1)).timestamp())
        later = read_usage(connection, (NOW + timedelta(days=40)).timestamp())
        years = read_usage(connection, (NOW + timedelta(days=400)).timestamp())
    engine.dispose()
    assert (told.decisions, told.moved) == (5, 1)
    assert told.moves == [("triage", "sales", 1)]
    uses = {r.id: (r.fired, r.overruled) for r in told.rules}
    assert uses["billing.invoice"] == (2, 0)
    (week,) = told.weeks
    assert (week.count, week.triage, week.languages["tr"]) == (5, 1, 5)
    assert 0.5 < week.mean_confidence <= 1
    assert (later.decisions, len(later.weeks)) == (0, 1)
    assert (years.decisions, years.weeks) == (0, [])


def test_what_people_moved_or_resolved_is_learned_from(
    recorded: Callable[[list[Message | Outcome]], Settings],
) -> None:
    settings = recorded(_traffic())
    assert [json.loads(x) for x in labelled_lines(settings)] == [
        {"text": SAID["1"], "label": "billing"},
        {"text": SAID["4"], "label": "sales"},
    ]
