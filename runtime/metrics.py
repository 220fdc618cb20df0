"""Every metric, in one typed list, each with a sentence for the operator who reads it.

Stages call `count`, `gauge` and `observe` with a name of METRICS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

Name = Literal[
    "santral_messages_accepted_total",
    "santral_messages_rejected_total",
    "santral_messages_pending_total",
    "santral_deliveries_ignored_total",
    "santral_deliveries_waiting",
    "santral_attachments_infected_total",
    "santral_accept_duration_seconds",
    "santral_parse_duration_seconds",
    "santral_parser_failures_total",
    "santral_parsers_running",
    "santral_parser_restarts_total",
    "santral_source_ready",
    "santral_source_poll_age_seconds",
    "santral_source_position",
    "santral_decisions_made_total",
    "santral_shadow_decisions_total",
    "santral_repeats_dropped_total",
    "santral_batch_duration_seconds",
    "santral_batches_aborted_total",
    "santral_router_lives_total",
    "santral_conversations_held",
    "santral_records_recorded_total",
    "santral_items_ready",
    "santral_items_leased",
    "santral_items_closing",
    "santral_items_outside_redis",
    "santral_leases_expired_total",
    "santral_outcomes_written_total",
    "santral_outcomes_superseded_total",
    "santral_answers_returned_total",
    "santral_words_unknown_total",
    "santral_replies_sent_total",
    "santral_replies_suppressed_total",
    "santral_replies_waiting",
    "santral_replies_waiting_age_seconds",
    "santral_watch_messages_rate",
    "santral_watch_events_total",
    "santral_incidents_open",
    "santral_incidents_written_total",
    "santral_chat_sessions_open",
    "santral_callers_refused_total",
    "santral_stage_stalled_total",
    "santral_bugs_caught_total",
]


@dataclass(frozen=True)
class Metric:
    """One metric with its kind, its labels and the operator's sentence."""

    kind: Literal["counter", "gauge", "histogram"]
    tells: str
    labels: tuple[str, ...] = ()


METRICS: dict[Name, Metric] = {
    "santral_messages_accepted_total": Metric(
        "counter",
        "Messages acknowledged by Kafka; flat while customers write: look at the door.",
        ("channel",),
    ),
    "santral_messages_rejected_total": Metric(
        "counter",
        "Inputs refused for good, by code; a jump of one code is a broken sender.",
        ("channel", "code"),
    ),
    "santral_deliveries_waiting": Metric(
        "gauge", "Deliveries on disk that wait for Kafka; they go out by themselves.", ()
    ),
    "santral_attachments_infected_total": Metric(
        "counter", "Files that the virus scanner found something in; they are not kept.", ()
    ),
    "santral_deliveries_ignored_total": Metric(
        "counter",
        "What vendors sent that is no message, by reason: receipts, repeats, set-up.",
        ("hook", "reason"),
    ),
    "santral_messages_pending_total": Metric(
        "counter", "Inputs answered with `try again` since Kafka was away.", ("channel",)
    ),
    "santral_accept_duration_seconds": Metric(
        "histogram", "From the first byte of an input to Kafka's acknowledgement.", ("channel",)
    ),
    "santral_parse_duration_seconds": Metric(
        "histogram",
        "From a delivery's start at a parser to its message; near the limit: look at "
        "what comes in.",
        ("where",),
    ),
    "santral_parser_failures_total": Metric(
        "counter",
        "Deliveries on which a parser failed, by code: each is a bug of ours or an "
        "attack; the archive has its bytes.",
        ("channel", "code"),
    ),
    "santral_parsers_running": Metric("gauge", "Parser processes of this stage that are ready."),
    "santral_parser_restarts_total": Metric(
        "counter", "Parser processes started again, by the last one's end.", ("reason",)
    ),
    "santral_source_ready": Metric(
        "gauge",
        "1 while a pulled source is read in time, else 0; never decides /readyz.",
        ("source",),
    ),
    "santral_source_poll_age_seconds": Metric(
        "gauge",
        "Seconds since a pulled source was last read to its end; growing: it is stuck.",
        ("source",),
    ),
    "santral_source_position": Metric(
        "gauge", "Highest position (IMAP: UID) up to which a source is safe in Kafka.", ("source",)
    ),
    "santral_decisions_made_total": Metric(
        "counter",
        "Decisions written, by department and action; much triage: tune the rules.",
        ("department", "action"),
    ),
    "santral_shadow_decisions_total": Metric(
        "counter",
        "What the candidate of [router.shadow] would do: the same, another department, "
        "another priority, or it failed.",
        ("result",),
    ),
    "santral_repeats_dropped_total": Metric(
        "counter", "Redelivered messages that were dropped; normal after a restart."
    ),
    "santral_batch_duration_seconds": Metric(
        "histogram", "From a batch's first record to its commit.", ("stage",)
    ),
    "santral_batches_aborted_total": Metric(
        "counter", "Transactions aborted and done again; steady growth: look at the broker."
    ),
    "santral_router_lives_total": Metric(
        "counter",
        "Times the router began again with new Kafka clients, by the error before; some "
        "during an outage are normal, steady growth without one is not.",
        ("reason",),
    ),
    "santral_conversations_held": Metric(
        "gauge", "Conversations this router process remembers; memory grows with it."
    ),
    "santral_records_recorded_total": Metric(
        "counter", "Records written to the store, by topic.", ("topic",)
    ),
    "santral_items_ready": Metric(
        "gauge", "Items that wait to be claimed, by department.", ("department",)
    ),
    "santral_items_leased": Metric(
        "gauge", "Items that people hold now, by department.", ("department",)
    ),
    "santral_items_closing": Metric(
        "gauge",
        "Items whose outcome is on its way to Kafka; long above 0: look at the desk feed.",
        ("department",),
    ),
    "santral_items_outside_redis": Metric(
        "gauge",
        "Records of a queue that wait in Kafka because Redis is full or the lines are at "
        "their limit.",
        ("department",),
    ),
    "santral_leases_expired_total": Metric(
        "counter",
        "Leases that ran out: people closed their page or lost their network.",
        ("department",),
    ),
    "santral_outcomes_written_total": Metric(
        "counter", "Outcomes acknowledged by Kafka, by kind.", ("kind",)
    ),
    "santral_outcomes_superseded_total": Metric(
        "counter",
        "Outcomes that the router ignored, since another agent had closed the message "
        "before; growing: Redis lost what it had acknowledged.",
        ("kind",),
    ),
    "santral_answers_returned_total": Metric(
        "counter",
        "Answers that could not be delivered, whose item is back in the line of its department.",
        ("department",),
    ),
    "santral_words_unknown_total": Metric(
        "counter",
        "Records with a kind, status or state that this version does not know and passes over: "
        "upgrade it.",
        ("topic",),
    ),
    "santral_replies_sent_total": Metric(
        "counter",
        "Replies handed over to the outside, by channel and result.",
        ("channel", "result"),
    ),
    "santral_replies_suppressed_total": Metric(
        "counter",
        "Replies the loop guard held back; a jump: two machines answer each other.",
        ("reason",),
    ),
    "santral_replies_waiting": Metric(
        "gauge",
        "Replies that wait for their account's server or are being sent; growing: that "
        "account is stuck, and /readyz says why.",
        ("channel", "account"),
    ),
    "santral_replies_waiting_age_seconds": Metric(
        "gauge",
        "Age of the oldest waiting reply of an account; alert long before it reaches "
        "`give_up_after` of [replies].",
        ("channel", "account"),
    ),
    "santral_watch_messages_rate": Metric(
        "gauge", "Distinct messages in the last full minute.", ("channel", "department", "intent")
    ),
    "santral_watch_events_total": Metric(
        "counter", "Decisions the watch has read; flat while the router works: restart it."
    ),
    "santral_incidents_open": Metric(
        "gauge",
        "Incidents that are open now: many customers, one cause; look at the console.",
        ("brand",),
    ),
    "santral_incidents_written_total": Metric(
        "counter", "What the watch told of incidents: opened, grown, closed.", ("status",)
    ),
    "santral_chat_sessions_open": Metric("gauge", "Web chat connections open at this door."),
    "santral_callers_refused_total": Metric(
        "counter",
        "Callers over a limit of [limits]; a jump means a flood, or a limit too low.",
        ("reason",),
    ),
    "santral_stage_stalled_total": Metric(
        "counter", "Times the watchdog found a position standing still with lag.", ("stage",)
    ),
    "santral_bugs_caught_total": Metric(
        "counter",
        "Records whose extras a fault of ours cost, by step; above 0, the log has the "
        "traceback, and the router's records are in triage with the flag router.bug.",
        ("step",),
    ),
}

REGISTRY = CollectorRegistry()
"""The collectors of this process, each made at its first use."""
# Upper bounds in seconds: from one broker round trip to the service level of a claim.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_collectors: dict[Name, Counter | Gauge | Histogram] = {}
_series: dict[tuple[object, ...], Counter | Histogram] = {}
"""The counters and histograms of each set of labels, because a look-up in the collector costs more
than the count. Gauges may be forgotten, and so they are not here."""


def _metric(name: Name) -> Counter | Gauge | Histogram:
    collector = _collectors.get(name)
    if collector is None:
        metric = METRICS[name]
        if metric.kind == "counter":
            collector = Counter(name, metric.tells, metric.labels, registry=REGISTRY)
        elif metric.kind == "gauge":
            collector = Gauge(name, metric.tells, metric.labels, registry=REGISTRY)
        else:
            collector = Histogram(
                name, metric.tells, metric.labels, registry=REGISTRY, buckets=_BUCKETS
            )
        _collectors[name] = collector
    return collector


def _series_of(name: Name, labels: dict[str, str]) -> Counter | Histogram:
    """Return the counter or the histogram of a set of labels."""
    key = (name, *labels.items())
    series = _series.get(key)
    if series is None:
        metric = _metric(name)
        assert not isinstance(metric, Gauge)
        series = _series[key] = metric.labels(**labels) if labels else metric
    return series


def count(name: Name, amount: float = 1, **labels: str) -> None:
    """Add to a counter."""
    series = _series_of(name, labels)
    assert isinstance(series, Counter)
    series.inc(amount)


def gauge(name: Name, value: float, **labels: str) -> None:
    """Set a gauge."""
    metric = _metric(name)
    assert isinstance(metric, Gauge)
    (metric.labels(**labels) if labels else metric).set(value)


def gauge_of(name: Name, value: Callable[[], float], **labels: str) -> None:
    """Let a gauge call `value` whenever Prometheus reads it."""
    metric = _metric(name)
    assert isinstance(metric, Gauge)
    (metric.labels(**labels) if labels else metric).set_function(value)


def observe(name: Name, seconds: float, **labels: str) -> None:
    """Add an observation to a histogram."""
    series = _series_of(name, labels)
    assert isinstance(series, Histogram)
    series.observe(seconds)


def forget(name: Name) -> None:
    """Drop every label set of a gauge, before the present ones are set."""
    metric = _metric(name)
    metric.clear()


def exposition() -> bytes:
    """Return this process's metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)
