"""Cuts the feed's records into script arguments that Redis applies in a few milliseconds. Pure.

queue.py runs a script for each chunk, in their order.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from workers.desk_queue.values import Closing, OffsetRange, QueuedMessage

_WEIGHT_A_SCRIPT = 400
"""One message or 4 KiB of bodies weigh 1; this sum takes Redis about 5 ms."""

Applied = TypeVar("Applied", QueuedMessage, Closing)
Argument = str | bytes | int | float
"""One argument of a Lua script."""
Position = tuple[str, int, int]
"""The partition, start and end of a chunk; an empty name where no position changes."""


def message_chunks(
    queued_messages: Sequence[QueuedMessage], span: OffsetRange | None
) -> Iterator[tuple[Position, list[Argument]]]:
    """Yield the arguments of each ADD: its position, and its messages in a flat list."""
    for chunk, position in _chunks(queued_messages, span, _message_weight):
        flat: list[Argument] = []
        for a in chunk:
            flat += [a.department, a.conversation, a.message, a.hops, a.arrived_ms]
            flat += [int(a.score), int(a.quiet), a.partition, a.offset, a.work]
        yield position, flat


def closing_chunks(
    closings: Sequence[Closing], span: OffsetRange | None
) -> Iterator[tuple[Position, list[Argument]]]:
    """Yield the arguments of each CLOSE: its position, and its closings in a flat list."""
    for chunk, position in _chunks(closings, span, _closing_weight):
        flat: list[Argument] = []
        for c in chunk:
            flat += [c.outcome, c.department, c.conversation, c.offset, len(c.messages)]
            flat += [value for message in c.messages for value in message]
        yield position, flat


def _message_weight(queued: QueuedMessage) -> int:
    return 1 + len(queued.work) // 4096


def _closing_weight(closing: Closing) -> int:
    return 1 + len(closing.messages)


def _chunks(
    values: Sequence[Applied], span: OffsetRange | None, weight: Callable[[Applied], int]
) -> Iterator[tuple[Sequence[Applied], Position]]:
    """Yield slices of `values`, each with its part of the span."""
    begin, total, start = 0, 0, span.start if span else 0
    for n, value in enumerate(values):
        total += weight(value)
        # The script would take the second of two values of one record for a repeat.
        apart = n > begin and value.offset != values[n - 1].offset
        if total > _WEIGHT_A_SCRIPT and (apart or span is None) and n > begin:
            yield values[begin:n], _position(span, start, value.offset)
            begin, total, start = n, weight(value), value.offset
    rest = values[begin:]
    if rest or span is not None:
        yield rest, _position(span, start, span.end if span else 0)


def _position(span: OffsetRange | None, start: int, end: int) -> Position:
    return (span.partition, start, end) if span else ("", 0, 0)
