"""A reply leaves once, whatever the order, the crashes and the repeats of two processes."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import envelope
from schemas.state.delivery import ReplyDelivery, fold, may_send
from tests.support.messages import NOW


def _record(state: str, attempt: int, process: str) -> ReplyDelivery:
    return ReplyDelivery(
        reply="r",
        state=state,
        attempt=attempt,
        process=process,
        at=NOW,
        first_at=NOW,
        offset=0,
        channel="email",
        account="a",
    )


class _Process:
    """A process that follows one log and sends a reply by the rules of the replies worker."""

    def __init__(self, name: str, log: list[ReplyDelivery], accepted: list[str]) -> None:
        self.name, self.log, self.accepted = name, log, accepted
        self.read = 0
        self.state: ReplyDelivery | None = None
        self.begun: tuple[int, int] | None = None
        self.result: str = ""
        self.written: list[ReplyDelivery] = []

    def _write(self, record: ReplyDelivery) -> None:
        self.log.append(record)
        self.written.append(record)

    def step(self, action: str, number: int) -> None:
        """Do one action if the process may."""
        if action == "read":
            for record in self.log[self.read : self.read + number]:
                self.state = fold(self.state, record)
                self.read += 1
        elif action == "begin" and self.begun is None:
            if self.state is None or self.state.state == "parked":
                attempt = (self.state.attempt if self.state else 0) + 1
                self._write(_record("begun", attempt, self.name))
                self.begun, self.result = (len(self.log) - 1, attempt), ""
        elif action in ("accept", "refuse") and self.begun and not self.result:
            position, attempt = self.begun
            if self.read <= position:
                return
            if not may_send(self.state, self.name, attempt):
                self.begun = None
                return
            self.result = action
            if action == "accept":
                self.accepted.append(self.name)
        elif action == "close" and self.begun and self.result:
            state = "finished" if self.result == "accept" else "parked"
            self._write(_record(state, self.begun[1], self.name))
            self.begun = None
        elif action == "park" and self.begun is None:
            self._write(_record("parked", 0, self.name))
        elif action == "expire" and self.state and self.state.state == "begun":
            if self.state.process != self.name:
                self._write(_record("finished", self.state.attempt, self.name))
        elif action == "repeat" and self.written:
            self.log.append(self.written[number % len(self.written)])


ACTIONS = ["read", "begin", "accept", "refuse", "close", "park", "expire", "repeat", "crash"]


@settings(max_examples=600)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from(ACTIONS), st.integers(1, 6)), max_size=60)
)
def test_a_reply_is_accepted_once_in_every_order_of_two_processes(
    steps: list[tuple[int, str, int]],
) -> None:
    log: list[ReplyDelivery] = []
    accepted: list[str] = []
    processes = [_Process("0", log, accepted), _Process("1", log, accepted)]
    for count, (number, action, amount) in enumerate(steps):
        if action == "crash":
            processes[number] = _Process(f"{number}-{count}", log, accepted)
        else:
            processes[number].step(action, amount)
        assert len(accepted) <= 1


def test_the_first_begun_since_the_last_park_may_send() -> None:
    state = None
    for record in (_record("begun", 1, "a"), _record("begun", 1, "b")):
        state = fold(state, record)
    assert may_send(state, "a", 1)
    assert not may_send(state, "b", 1)
    state = fold(state, _record("parked", 1, "b"))
    assert may_send(state, "a", 1), "only the process that tries may park"
    state = fold(fold(state, _record("parked", 1, "a")), _record("begun", 1, "b"))
    assert state is not None
    assert state.state == "parked", "an old try counts no more"
    assert may_send(fold(state, _record("begun", 2, "b")), "b", 2)


def test_reading_the_same_records_again_changes_nothing() -> None:
    records = [
        _record("parked", 0, "a"),
        _record("begun", 1, "a"),
        _record("parked", 1, "a"),
        _record("begun", 2, "b"),
    ]
    state = None
    for record in records:
        state = fold(state, record)
    again = state
    for record in records:
        again = fold(again, record)
    assert again == state


def test_a_state_that_a_newer_version_writes_is_skipped() -> None:
    raw = json.loads(envelope.encode(_record("begun", 1, "a"))) | {"state": "postponed"}
    newer = envelope.decode(ReplyDelivery, json.dumps(raw).encode())
    state = fold(None, _record("begun", 1, "a"))
    assert fold(state, newer) == state
    assert fold(None, newer) is None
