"""Cuts the feed's records into script arguments that Redis applies in a few milliseconds. Pure.

queue.py runs a script for each chunk, in their order.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from workers.desk_queue.values import Closing, OffsetRange, QueuedMessage

_MAX_SCRIPT_WEIGHT = 400
"""A message weighs 1, and 1 more for each 4 KiB of its body. This sum takes Redis about 5 ms."""

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
        for queued in chunk:
            flat += [queued.department, queued.conversation, queued.message, queued.hops]
            flat += [queued.arrived_ms, int(queued.score), int(queued.quiet)]
            flat += [queued.partition, queued.offset, queued.work]
        yield position, flat


def closing_chunks(
    closings: Sequence[Closing], span: OffsetRange | None
) -> Iterator[tuple[Position, list[Argument]]]:
    """Yield the arguments of each CLOSE: its position, and its closings in a flat list."""
    for chunk, position in _chunks(closings, span, _closing_weight):
        flat: list[Argument] = []
        for closing in chunk:
            flat += [closing.outcome, closing.department, closing.conversation]
            flat += [closing.offset, len(closing.messages)]
            flat += [value for message in closing.messages for value in message]
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
    for index, value in enumerate(values):
        total += weight(value)
        if total <= _MAX_SCRIPT_WEIGHT or index == begin:
            continue
        # Two values of one record share a chunk: a second script would take one for a repeat.
        if span is None or value.offset != values[index - 1].offset:
            yield values[begin:index], _position(span, start, value.offset)
            begin, total, start = index, weight(value), value.offset
    rest = values[begin:]
    if rest or span is not None:
        yield rest, _position(span, start, span.end if span else 0)


def _position(span: OffsetRange | None, start: int, end: int) -> Position:
    return (span.partition, start, end) if span else ("", 0, 0)
