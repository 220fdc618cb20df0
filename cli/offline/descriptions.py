"""Decisions, messages and backtests in the words of the pages, for the commands that print them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from cli.offline.sentences import command_texts
from schemas.decision import Decision
from schemas.http_api.bodies import MessageOut
from schemas.routing.counterfactual import nearest_change
from schemas.routing.departments import Department
from workers.console.texts import Texts, department_titles

if TYPE_CHECKING:
    from router.backtest.report import BacktestReport

_MAX_TEXT_CHARS = 100
_SHOWN_MOVES = 10
"""The commonest changes of department; the page and the JSON have all."""


@dataclass(frozen=True)
class Wording:
    """The texts and the titles of the departments in one language."""

    texts: Texts
    departments: Mapping[str, str]

    def title(self, department: str) -> str:
        """Return the title of a department, or its id if the settings do not have it."""
        return self.departments.get(department, department)


def wording_of(language: str, departments: Mapping[str, Department]) -> Wording:
    """Return the wording of a language, `tr` or `en`."""
    return Wording(command_texts(language), department_titles(departments, language))


def describe_decision(decision: Decision, wording: Wording) -> Iterator[str]:
    """Yield the lines of a decision with its reasons."""
    texts = wording.texts
    yield (
        f"{wording.title(decision.department)} ({texts[decision.action]}), "
        f"{texts.intent_name(decision.intent)}, {texts.language_name(decision.language)}"
    )
    yield (
        f"  {texts.priority}: {decision.priority}, "
        f"{texts.confidence}: {texts.percent(decision.confidence)}, "
        f"{texts.sentiment}: {texts.signed(decision.sentiment)}"
    )
    for line in _reasons(decision, texts):
        yield f"  • {line}"
    if decision.runner_up is not None:
        share = texts.percent(decision.runner_up.confidence)
        yield f"  {texts.runner_up}: {wording.title(decision.runner_up.department)} ({share})"
    change = _nearest_change(decision, wording)
    if change is not None:
        yield f"  {change}"
    if decision.guesses:
        guesses = ", ".join(
            f"{wording.title(guess.department)} ({texts.percent(guess.confidence)})"
            for guess in decision.guesses
        )
        yield f"  {texts.guesses}: {guesses}"
    yield f"  {texts.rules}: {decision.pack}, {texts.model}: {decision.model or '–'}"


def describe_answer(answer: MessageOut, wording: Wording) -> Iterator[str]:
    """Yield a line for each event of a message so far, with the reasons below the decision."""
    texts, message, decision = wording.texts, answer.message, answer.decision
    channel = texts.channel_name(message.channel)
    yield f"{_format_time(message.received_at)}  {texts.received}: {channel}, {message.source}"
    if decision is not None:
        yield (
            f"{_format_time(decision.decided_at)}  {texts.decision}: "
            f"{wording.title(decision.department)} ({texts[decision.action]}), "
            f"{texts.intent_name(decision.intent)}, {texts.priority}: {decision.priority}, "
            f"{texts.confidence}: {texts.percent(decision.confidence)}"
        )
        for line in _reasons(decision, texts):
            yield f"  • {line}"
    for outcome in answer.outcomes:
        agent = f" · {outcome.agent}" if outcome.agent else ""
        text = (outcome.reason or outcome.text)[:_MAX_TEXT_CHARS]
        yield (
            f"{_format_time(outcome.at)}  {texts[outcome.kind]}: "
            f"{wording.title(outcome.department)}{agent}{f' · {text}' if text else ''}"
        )


def describe_backtest(report: "BacktestReport", wording: Wording) -> Iterator[str]:
    """Yield the lines of a backtest, which sum up its report."""
    texts = wording.texts
    changed = texts.backtest_count.format(count=report.changed)
    yield f"{texts.messages}: {report.messages}"
    yield f"{texts.backtest_changed}: {changed} ({texts.percent(report.changed_share, 1)})"
    yield f"{texts.backtest_other_department}: {report.department_changed}"
    yield f"{texts.backtest_triage}: {report.triage_before} → {report.triage_after}"
    yield f"{texts.priority} ({texts.backtest_raised}): ▲ {report.raised} ▼ {report.lowered}"
    for move in report.moves[:_SHOWN_MOVES]:
        yield f"  {wording.title(move.before)} → {wording.title(move.after)}: {move.count}"
    if report.judged is not None:
        judged = report.judged
        interval = texts.backtest_interval.format(
            low=texts.percent(judged.after_low, 1),
            high=texts.percent(judged.after_high, 1),
            count=judged.messages,
        )
        shares = f"{texts.percent(judged.before, 1)} → {texts.percent(judged.after, 1)}"
        yield f"{texts.backtest_right}: {shares} ({interval})"
    before, after = report.microseconds_before, report.microseconds_after
    yield f"{texts.backtest_time}: {texts.number(before)} → {texts.number(after)} µs"


def _reasons(decision: Decision, texts: Texts) -> Iterator[str]:
    for reason in decision.reasons:
        text = reason.text_tr if texts.language == "tr" else reason.text_en
        evidence = ", ".join(f"“{e.text}”" for e in reason.evidence)
        yield f"{text}  [{reason.id}]  {evidence}".rstrip()


def _nearest_change(decision: Decision, wording: Wording) -> str | None:
    """Return what would have sent the message elsewhere, as the pages put it."""
    change = nearest_change(decision)
    if change is None:
        return None
    texts, department = wording.texts, wording.title(change.department)
    if change.without:
        return texts.without_it.format(words=change.words(), department=department)
    if change.threshold is None:
        return None
    sentence = texts.threshold_low if decision.action == "triage" else texts.threshold_high
    return sentence.format(share=texts.percent(change.threshold), department=department)


def _format_time(time: datetime) -> str:
    """Return a time as JSON has it."""
    return str(msgspec.to_builtins(time))
