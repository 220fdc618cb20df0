"""The parser pool has processes that parse outside input, away from the event loops.

intake/accept.py gets a message for a delivery, or Rejected with `parser.limit` or `parser.bug`.
`parser.limit` means that the delivery exceeded its time or memory, or that two processes crashed
over it. `parser.bug` means that its parser raised. The pool replaces an ended process at once. It
parses small JSON of known shape in place, because a process would cost more.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from ingest.channel import Account, Channel, Context, Delivery, Parsed
from ingest.parser_pool.client import Crashed, ParserClient, TooSlow
from ingest.parser_pool.frames import Answer, Task, pack, stack_of
from ingest.parser_pool.limits import limit_of
from ingest.parser_pool.worker import parse_delivery, parse_task
from runtime import metrics
from runtime.log import get
from runtime.settings.structs import ParsersSettings
from schemas.errors import CODES, Rejected, Retry

log = get(__name__)

COMMAND = (sys.executable, "-m", "ingest.parser_pool.process")
IN_PLACE_BYTES = 64 * 1024
IN_PLACE = frozenset(
    {
        "api",
        "bluesky",
        "chat",
        "google_business",
        "google_play",
        "hepsiburada",
        "instagram",
        "line",
        "messenger",
        "slack",
        "telegram",
        "trendyol",
        "trustpilot",
        "twilio",
        "viber",
        "whatsapp",
        "x",
    }
)
"""Channels whose deliveries are JSON of a known shape, without markup. A process parses every
other channel, and every delivery longer than IN_PLACE_BYTES."""

_TRIES = 2  # somebody else may kill a process: a second crash blames the delivery


class Parsers(Protocol):
    """A place that parses deliveries."""

    async def parse(
        self, channel: Channel[Account], delivery: Delivery, context: Context[Account]
    ) -> Parsed:
        """Return the Parsed that the channel makes of a delivery; raise Rejected."""
        ...

    async def parse_unreadable(
        self, channel: Channel[Account], delivery: Delivery, context: Context[Account]
    ) -> Parsed:
        """Return the message that replaces a mail on which `parse` failed; raise Rejected."""
        ...


class ParserPool:
    """Processes, each of which parses one delivery at a time."""

    def __init__(self, settings: ParsersSettings, command: Sequence[str] = COMMAND) -> None:
        self._settings = settings
        arguments = (os.getpid(), settings.cpu.total_seconds(), settings.memory_mb)
        self._command = (*command, *map(str, arguments))
        self._workers = [ParserClient(self._command) for _ in range(settings.processes)]
        self._idle: asyncio.LifoQueue[ParserClient] = asyncio.LifoQueue()
        for worker in self._workers:
            self._idle.put_nowait(worker)
        self._starting: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "ParserPool":
        """Start the processes; only the first delivery waits for one."""
        for worker in self._workers:
            self._prepare(worker)
        return self

    async def __aexit__(self, *_error: object) -> None:
        """End the processes; a delivery that is in one of them gets Retry."""
        await asyncio.gather(*(worker.stop() for worker in self._workers))
        await asyncio.gather(*self._starting)
        metrics.gauge("santral_parsers_running", 0)

    def problem(self) -> str | None:
        """Return the fault, for readiness; None while a process is ready or may become ready."""
        errors = [worker.error for worker in self._workers]
        return errors[0] if all(errors) else None

    async def parse(
        self, channel: Channel[Account], delivery: Delivery, context: Context[Account]
    ) -> Parsed:
        """Return the Parsed that the channel makes of a delivery.

        Raises Rejected, and Retry when no process can be started.
        """
        if channel.name in IN_PLACE and len(delivery.raw) <= IN_PLACE_BYTES:
            return parse_in_place(channel, delivery, context)
        return await self.parse_in_process(channel, delivery, context)

    async def parse_in_process(
        self, channel: Channel[Account], delivery: Delivery, context: Context[Account]
    ) -> Parsed:
        """Parse in a process, whatever the delivery is; raises as `parse` does."""
        return await self._run("parse", channel, delivery, context)

    async def parse_unreadable(
        self, channel: Channel[Account], delivery: Delivery, context: Context[Account]
    ) -> Parsed:
        """Return the message that says that a mail could not be read."""
        return await self._run("unreadable", channel, delivery, context)

    async def _run(
        self,
        work: Literal["parse", "unreadable"],
        channel: Channel[Account],
        delivery: Delivery,
        context: Context[Account],
    ) -> Parsed:
        frame = pack(_task(work, channel, delivery, context))
        limit = limit_of(len(frame), self._settings.cpu, self._settings.memory_mb)
        for _ in range(_TRIES):
            worker = await self._idle.get()
            began = time.perf_counter()
            try:
                answer = await worker.ask(frame, limit.wall_s)
            except TooSlow as error:
                metrics.count("santral_parser_restarts_total", reason="limit")
                raise Rejected("parser.limit", str(error)) from error
            except Crashed as error:
                metrics.count("santral_parser_restarts_total", reason="crash")
                log.warning("parser.crashed", channel=channel.name, why=str(error))
                crash = error
                continue
            finally:
                self._prepare(worker)
                self._idle.put_nowait(worker)
            metrics.observe(
                "santral_parse_duration_seconds", time.perf_counter() - began, where="process"
            )
            return _result(channel, answer)
        raise Rejected("parser.limit", f"two processes crashed over it: {crash}")

    def _prepare(self, worker: ParserClient) -> None:
        """Start a process before the next task comes, unless one runs."""
        if worker.alive or worker.stopped:
            return
        task = asyncio.create_task(worker.prepare())
        self._starting.add(task)
        task.add_done_callback(self._started)

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting.discard(task)
        running = sum(worker.alive for worker in self._workers)
        metrics.gauge("santral_parsers_running", running)


class ParsersInPlace:
    """Parses in the caller's own process: for tests and small tools without hostile input."""

    async def parse(
        self, channel: Channel[Account], delivery: Delivery, context: Context[Account]
    ) -> Parsed:
        """Return the Parsed that the channel makes of a delivery; raise Rejected."""
        return await asyncio.to_thread(parse_in_place, channel, delivery, context)

    async def parse_unreadable(
        self, channel: Channel[Account], delivery: Delivery, context: Context[Account]
    ) -> Parsed:
        """Return the message that says that a mail could not be read."""
        return parse_task(channel, _task("unreadable", channel, delivery, context))


def parse_in_place(
    channel: Channel[Account], delivery: Delivery, context: Context[Account]
) -> Parsed:
    """Return the Parsed of a delivery; a bug becomes Rejected(parser.bug)."""
    try:
        return parse_delivery(channel, delivery, context)
    except (Rejected, Retry):
        raise
    except Exception as error:
        raise bug(channel.name, error, "parse") from error


def bug(channel: str, error: BaseException, step: str = "accept") -> Rejected:
    """Log a bug that a delivery brought out, and return the refusal to raise instead."""
    log.error("parser.bug", channel=channel, step=step, stack=stack_of(error))
    return Rejected("parser.bug", f"{type(error).__name__} in {step}")


def _task(
    work: Literal["parse", "unreadable"],
    channel: Channel[Account],
    delivery: Delivery,
    context: Context[Account],
) -> Task:
    return Task(
        work=work,
        channel=channel.name,
        account=delivery.account,
        brand=context.brand,
        signing_key=context.signing_key,
        settings=msgspec.Raw(msgspec.msgpack.encode(context.settings)),
        raw=delivery.raw,
        received_at=delivery.received_at,
        position=delivery.position,
        hint=delivery.hint,
        by_reference=delivery.by_reference,
    )


def _result(channel: Channel[Account], answer: Answer) -> Parsed:
    """Return the parsed delivery; raise Rejected when the process refused it or failed."""
    if answer.parsed is not None:
        return answer.parsed
    if answer.stack:
        log.error("parser.bug", channel=channel.name, step="parse", stack=answer.stack)
        raise Rejected("parser.bug", f"{answer.text} in parse")
    if answer.code == "parser.limit":
        metrics.count("santral_parser_restarts_total", reason="limit")
    if answer.code not in CODES:
        raise Rejected(
            "parser.bug", f"a process refused with the unknown code {answer.code[:40]!r}"
        )
    raise Rejected(answer.code, answer.text)
