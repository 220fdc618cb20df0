"""Decisions without a broker, for `santral decide` and `santral explain FILE`.

JSON lines or a text become the Decisions that the router would make.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from ingest.parsing.letters.repair import repair_letters
from router import policy_settings
from router.decision.analysis import TextAnalysis
from router.decision.decide import RoutingResult
from router.decision.policy import Policy
from router.record_decision import analyse_batch, decide_record
from runtime.settings.structs import Settings
from schemas.base import Id, Record, Time, conversation_id, message_id
from schemas.decision import Decision
from schemas.errors import ConfigError, Problem
from schemas.message import Handle, Message, Party
from schemas.routing.departments import Department
from schemas.state.conversation import ConversationState

AT_ONCE = 1000
"""Lines that are decided together."""

_DEFAULT_TIME = datetime(2026, 1, 1, tzinfo=UTC)  # a line without a time is always the same message


class DecideLine(Record, frozen=True, kw_only=True):
    """One line to decide on."""

    text: str
    id: Id | None = None
    subject: str = ""
    channel: str = "api"
    sender: str = ""
    sent_at: Time | None = None
    conversation: str | None = None


def _message(line: DecideLine, number: int, brand: str) -> Message:
    native = line.id or sha256(f"{number}\0{line.subject}\0{line.text}".encode()).hexdigest()
    source = f"{line.channel}:offline"
    root = line.conversation or native
    handle = Handle(kind="email" if "@" in line.sender else "handle", value=line.sender)
    received_at = (line.sent_at or _DEFAULT_TIME).astimezone(UTC)
    return Message(
        id=message_id(line.channel, source, native),
        brand=brand,
        channel=line.channel,
        source=source,
        native_id=native,
        conversation=conversation_id(brand, line.channel, root),
        kind="mail" if line.channel == "email" else "form",
        sender=Party(handles=(handle,) if line.sender else ()),
        subject=line.subject,
        text=line.text,
        full_text=line.text,
        sent_at=line.sent_at,
        received_at=received_at,
    )


def plain_message(text: str, number: int, brand: str) -> Message:
    """Return a message with a text and nothing else."""
    return _message(DecideLine(text=text), number, brand)


def load_trial_policy(settings: Settings, files: Iterable[Path] = ()) -> Policy:
    """Return the policy with these models, or those of the settings, for a trial: their labels are
    departments, too."""
    policy = policy_settings.build_policy(settings, files)
    labels = {x for m in policy.models if m.head.task == "department" for x in m.head.labels}
    more = {x: Department(title_tr=x, title_en=x) for x in labels - {*policy.departments}}
    return replace(policy, departments=policy.departments | more)


def decide_lines(
    lines: Iterable[bytes], settings: Settings, policy: Policy, at_once: int = AT_ONCE
) -> Iterator[Decision]:
    """Yield a Decision for each line, in order; raise ConfigError for one that is not understood.

    A line's conversation sees the state that earlier lines left, as in the router. `at_once` lines
    are read before the first is decided.
    """
    states: dict[str, ConversationState] = {}
    decoder = msgspec.json.Decoder(DecideLine)
    batch: list[Message] = []

    def decided() -> Iterator[Decision]:
        for message, read in zip(batch, analyse_batch(batch, policy), strict=True):
            result = _decided(message, states.get(message.conversation), policy, read)
            if result.state is not None:
                states[message.conversation] = result.state
            yield result.decision
        batch.clear()

    for number, raw in enumerate(lines, 1):
        if not raw.strip():
            continue
        try:
            batch.append(repair_letters(_message(decoder.decode(raw), number, settings.brand)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield from decided()
            raise ConfigError([Problem(f"line {number}: {error}")]) from error
        if len(batch) >= at_once:
            yield from decided()
    yield from decided()


def decide_text(text: str, settings: Settings) -> Decision:
    """Return the Decision on a text by the rules and models of the settings."""
    message = repair_letters(plain_message(text, 1, settings.brand))
    policy = load_trial_policy(settings)
    return _decided(message, None, policy).decision


def text_decider(settings: Settings) -> Callable[[str], Decision]:
    """Return a function that decides on texts by the live rules and models, which it reads once."""
    policy = load_trial_policy(settings)

    def decided(text: str) -> Decision:
        message = repair_letters(plain_message(text, 1, settings.brand))
        message = msgspec.structs.replace(message, received_at=datetime.now(UTC))
        return _decided(message, None, policy).decision

    return decided


def _decided(
    message: Message,
    state: ConversationState | None,
    policy: Policy,
    read: TextAnalysis | None = None,
) -> RoutingResult:
    """Decide as the router does: a fault of ours sends the message to triage."""
    decided = decide_record(message, lambda: state, policy, message.received_at, read).transition
    assert isinstance(decided, RoutingResult)
    return decided
