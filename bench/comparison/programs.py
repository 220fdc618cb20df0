"""Starts a program on a backlog of messages, and measures its rate and its CPU time from outside.

A program reads messages.v1 as a member of a consumer group. A message counts as finished when the
group commits the offset behind it, so that every program is measured alike, without a change.
"""

import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from bench.checkouts import HERE, checkout_environment, describe_commit, santral_command
from bench.comparison.cpu import main_threads_s, processes_s
from bench.comparison.figures import Sample, cost_row
from bench.comparison.warm_broker import WarmBroker
from bench.options import Options
from bench.support import fill
from router.membership import GROUP
from runtime.bus.client_settings import rdkafka_settings
from runtime.compiled_modules import SWITCH
from runtime.settings.structs import Settings
from schemas import topics
from tests.support.servers.broker import broker_process

WARM_UP_MESSAGES = 4_000
"""The first and the last messages of a backlog don't count. This is one batch of every program."""

ROUTER, PURE = "router", "router, pure"
_MESSAGES_A_CONVERSATION = 5
_POLL_INTERVAL_S = 0.02
"""The answers cost the broker about 1 % of a CPU."""

_PROGRESS_LIMIT_S = 90.0
"""A program that finishes nothing for so long has failed; the slowest needs 20 s to start."""

_STOP_LIMIT_S = 30.0
_CALL_LIMIT_S = 10.0
_MAX_OUTPUT_CHARS = 300


class ProgramFailed(Exception):
    """A program ended by itself or stopped finishing messages."""


@dataclass(frozen=True)
class Program:
    """A command that reads messages.v1 in a group, in one process or in several.

    A router that is not `compiled` runs its pure modules in any case.
    """

    name: str
    command: tuple[str, ...]
    group: str
    checkout: Path = HERE
    processes: int = 1
    compiled: bool = True


def router_program(
    name: str, checkout: Path = HERE, processes: int = 1, *, compiled: bool = True
) -> Program:
    """Return the router of a checkout, with its compiled modules where they are built."""
    command = santral_command(checkout, "router")
    return Program(name, command, GROUP, checkout, processes, compiled)


def router_programs(options: Options) -> list[Program]:
    """Return this checkout's router, alone and as the options want it, and another checkout's."""
    programs = [router_program(ROUTER)]
    if options.pure:
        programs.append(router_program(PURE, compiled=False))
    if options.against is not None:
        programs.append(router_program(against_name(options.against), options.against))
    if options.processes > 1:
        name = f"{ROUTER}, {options.processes} processes"
        programs.append(router_program(name, processes=options.processes))
    return programs


def router_references(options: Options) -> tuple[str, ...]:
    """Return the names of the routers to which the others are compared."""
    others = () if options.against is None else (against_name(options.against),)
    if options.pure:
        others = (*others, PURE)
    return (*others, ROUTER) if options.processes > 1 else others


def against_name(checkout: Path) -> str:
    """Return the name of the router of another checkout."""
    return f"{ROUTER} at {describe_commit(checkout)}"


def measure_backlog(program: Program, broker: WarmBroker, messages: int) -> dict[str, float]:
    """Return the rate and the CPU time a message with which a program works off a backlog.

    Raises ProgramFailed.
    """
    settings = broker.empty()
    fill(settings, messages, messages // _MESSAGES_A_CONVERSATION)
    with running(program, settings) as processes:
        watch = _Watch(settings, program, processes)
        first = watch.sample_after(WARM_UP_MESSAGES)
        last = watch.sample_after(messages - WARM_UP_MESSAGES)
    return cost_row(first, last)


@contextmanager
def running(program: Program, settings: Settings) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Yield the processes of a program, which end afterwards and leave their group."""
    environment = checkout_environment(program.checkout, settings.home) | {
        "SANTRAL_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
        "SANTRAL_KAFKA__PARTITIONS": str(settings.kafka.partitions),
    }
    if not program.compiled:
        environment[SWITCH] = "off"
    folder = Path(settings.home)
    folder.mkdir(parents=True, exist_ok=True)
    with _output(settings).open("ab") as output:
        processes = [
            subprocess.Popen(
                program.command, cwd=folder, env=environment, stdout=output, stderr=output
            )
            for _ in range(program.processes)
        ]
    try:
        yield processes
    finally:
        _stop(processes)


class _Watch:
    """Looks at a running program: its group's offsets and the CPU time of its processes."""

    def __init__(
        self, settings: Settings, program: Program, processes: Sequence[subprocess.Popen[bytes]]
    ) -> None:
        self._settings, self._program, self._processes = settings, program, processes
        self._pids = [process.pid for process in processes]
        self._broker_pids = [broker_process(settings).pid]
        self._admin = AdminClient(rdkafka_settings(settings.kafka))
        self._partitions = [
            TopicPartition(topics.MESSAGES.name, number)
            for number in range(settings.kafka.partitions)
        ]

    def sample_after(self, messages: int) -> Sample:
        """Return the first sample with so many finished messages; raise ProgramFailed."""
        finished, progress_s = 0, time.monotonic()
        while True:
            sample = self._sample()
            if sample.messages >= messages:
                return sample
            if sample.messages > finished:
                finished, progress_s = sample.messages, time.monotonic()
            ended = any(process.poll() is not None for process in self._processes)
            if ended or time.monotonic() - progress_s > _PROGRESS_LIMIT_S:
                why = "ended" if ended else f"finished nothing in {_PROGRESS_LIMIT_S:.0f} s"
                output = _output(self._settings).read_text(errors="replace").strip()
                raise ProgramFailed(
                    f"{self._program.name} {why} after {finished:,} messages. Its output ends with "
                    f"{output[-_MAX_OUTPUT_CHARS:]!r}"
                )
            time.sleep(_POLL_INTERVAL_S)

    def _sample(self) -> Sample:
        request = ConsumerGroupTopicPartitions(self._program.group, self._partitions)
        (answer,) = self._admin.list_consumer_group_offsets([request]).values()
        offsets = [p.offset for p in answer.result(_CALL_LIMIT_S).topic_partitions]
        return Sample(
            time_s=time.monotonic(),
            messages=sum(max(0, offset) for offset in offsets),  # negative before the first commit
            main_s=main_threads_s(self._pids),
            process_s=processes_s(self._pids),
            broker_s=processes_s(self._broker_pids),
        )


def _output(settings: Settings) -> Path:
    """Return the file with the output of the program that runs with these settings."""
    return Path(settings.home) / "program.log"


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_LIMIT_S)
