"""The work of a parser process; process.py starts it.

pool.py writes a Task to its standard input and reads the Answer from its standard output. The
process parses one delivery at a time within its limit (limits.py), opens no connection, writes no
file, and ends when its input ends.
"""

import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import msgspec

from ingest.channel import Account, AnyChannel, Channel, Context, Delivery, Parsed
from ingest.parser_pool.frames import Answer, Task, pack, read_frame, stack_of, write_frame
from ingest.parser_pool.limits import end_with_parent, limit_of, limited
from ingest.parsing.letters.repair import repair_letters
from ingest.parsing.mail.unreadable import unreadable_message
from schemas.errors import Rejected

OUT_OF_MEMORY = "it needs more memory than a delivery may have"


def serve(channels: Mapping[str, AnyChannel], arguments: list[str]) -> None:
    """Answer tasks until the input ends.

    `arguments` are the parent's process id, and CPU seconds and megabytes for a delivery.
    """
    parent, cpu_s, memory_mb = int(arguments[0]), float(arguments[1]), int(arguments[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # only the stage obeys Ctrl-C
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    end_with_parent(parent)
    inward, outward = os.dup(0), os.dup(1)
    os.dup2(2, 1)  # a library's prints must not come between frames
    write_frame(outward, pack(Answer(ready=True)))
    while (body := read_frame(inward)) is not None:
        limit = limit_of(len(body), timedelta(seconds=cpu_s), memory_mb)
        try:
            with limited(limit):
                frame = answer(channels, body)
        except MemoryError:
            # The interpreter's state is unknown after this: a new process is safer.
            write_frame(outward, pack(Answer(code="parser.limit", text=OUT_OF_MEMORY)))
            return
        write_frame(outward, frame)


def answer(channels: Mapping[str, AnyChannel], body: bytes) -> bytes:
    """Return the frame that answers a task's; raise MemoryError."""
    try:
        task = msgspec.msgpack.decode(body, type=Task)
        return pack(Answer(parsed=parse_task(channels[task.channel], task)))
    except Rejected as error:
        return pack(Answer(code=error.code, text=_plain(error.text)))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the stage logs it and continues
        return pack(
            Answer(code="parser.bug", text=type(error).__name__, stack=_plain(stack_of(error)))
        )


def parse_task(channel: Channel[Account], task: Task) -> Parsed:
    """Return the channel's result for a task."""
    if task.work == "unreadable":
        message = unreadable_message(
            task.raw,
            brand=task.brand,
            account=task.account,
            received_at=task.received_at,
            mailbox=task.hint or "",
            position=task.position,
            signing_key=task.signing_key,
        )
        return Parsed(message=repair_letters(message))
    settings = msgspec.msgpack.decode(task.settings, type=channel.account | None)
    delivery = Delivery(
        raw=task.raw,
        account=task.account,
        received_at=task.received_at,
        position=task.position,
        hint=task.hint,
        by_reference=task.by_reference,
    )
    context = Context(brand=task.brand, settings=settings, signing_key=task.signing_key)
    return parse_delivery(channel, delivery, context)


def parse_delivery(
    channel: Channel[Account], delivery: Delivery, context: Context[Account]
) -> Parsed:
    """Return the Parsed that the channel makes of a delivery, its letters in order.

    The letters of a long text cost more than its parsing may: both count as one.
    """
    parsed = channel.parse(delivery, context)
    return replace(parsed, message=repair_letters(parsed.message))


def _plain(text: str) -> str:
    """Return text that UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode()
