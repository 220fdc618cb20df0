"""`santral router`: decides messages in one life after the other, until it is stopped.

A life is one set of Kafka clients (loop.py). An outage ends a life and not the process, because
the router waits and begins the next life when Kafka answers. A read_committed reader sees all of a
batch or nothing.

docs/decisions/0001-router-loop.md and 0020-router-lives.md have the figures.
"""

import gc
import signal
import threading
from collections.abc import Callable
from types import FrameType

from confluent_kafka import KafkaError, KafkaException

from router.batch import Policies
from router.decision.policy import Policy
from router.incidents.open_incidents import OpenIncidents
from router.loop import RouterLoop, RouterParts
from router.policy_settings import load_policy, load_shadow_policy
from router.transaction import RouterContext
from runtime import compiled_modules, metrics
from runtime import log as logs
from runtime.archive.opening import open_archive
from runtime.archive.protocol import Archive
from runtime.bus.backlog import Backlog
from runtime.bus.group_member import REMEDY, is_name_taken
from runtime.bus.identity import claim_identity, random_identity
from runtime.clock import Clock, SystemClock
from runtime.health.checks import Health, LastSuccess
from runtime.health.neighbour import Backoff, Neighbour
from runtime.health.ops_server import serve_ops
from runtime.health.progress import Progress
from runtime.settings.structs import Settings
from runtime.stage.probes import kafka_probe
from runtime.stage.watchdog import Watchdog

log = logs.get(__name__)

STAGE = "router"
_SAME_NAME_FENCES_S = 60.0
"""A process that is fenced twice in this time shares its name with another process."""

_TURN_LIMIT_S = 60
"""Readiness falls when no turn of the loop has ended for this time."""

_BUGS = frozenset({KafkaError._INVALID_ARG, KafkaError.MSG_SIZE_TOO_LARGE})
"""Errors of librdkafka that only a wrong call of ours causes. They end the process."""


class Router:
    """The lives of one router process."""

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        clock: Clock,
        archive: Archive,
        health: Health,
        progress: Progress | None = None,
    ) -> None:
        self.stopping = threading.Event()
        self.identity = claim_identity(STAGE, settings)
        self._policies = Policies(policy, load_shadow_policy(settings))
        self._incidents = OpenIncidents(settings.kafka, clock)
        self._parts = RouterParts(self._policies, archive, settings.router)
        self._backoff = Backoff()
        self._loop: RouterLoop | None = None
        self._fenced_at_s = float("-inf")
        self.progress = progress or Progress("watchdog")
        self.last_turn = LastSuccess(clock, _TURN_LIMIT_S, "turn of the loop")
        self.neighbour = Neighbour(
            f"Kafka at {settings.kafka.bootstrap}", clock, kafka_probe(settings.kafka), "kafka"
        )
        self._context = RouterContext(
            kafka=settings.kafka,
            clock=clock,
            neighbour=self.neighbour,
            progress=self.progress,
            stopping=self.stopping,
            compression=settings.router.compression,
        )
        health.add("kafka", self.neighbour.problem)
        health.add("loop", self.last_turn)
        health.add("poison", lambda: self._loop.stopped_problem() if self._loop else None)

    @property
    def loop(self) -> RouterLoop | None:
        """The present life, None between two lives."""
        return self._loop

    def start(self) -> None:
        """Read the open incidents; the first turns join the group."""
        self._incidents.start()
        self._refresh_incidents()

    def watch(self) -> None:
        """Probe Kafka in a thread, for readiness."""
        self.neighbour.start()

    def turn(self) -> int:
        """Make one turn of the loop, from reading a batch to its commit; return its size."""
        if self._loop is None:
            self._run_step(self._begin_life)
        loop = self._loop
        return 0 if loop is None else self._run_step(lambda: self._turn(loop))

    def stop(self) -> None:
        """Leave the group; the last turn has finished its batch."""
        self.stopping.set()
        self.neighbour.stop()
        if self._loop is not None:
            self._loop.close(leave=True)
        self._incidents.stop()
        self.identity.release()

    def _run_step(self, step: Callable[[], int]) -> int:
        """Run a step of the present life; a KafkaException ends the life."""
        try:
            return step()
        except KafkaException as error:
            if _is_bug(error):
                raise
            self._end_life(error)
            return 0

    def _turn(self, loop: RouterLoop) -> int:
        done = loop.turn()
        self.last_turn.succeeded()
        if done:
            self._backoff.reset()
        if self._incidents.refresh():
            self._refresh_incidents()
        return done

    def _begin_life(self) -> int:
        self.progress.wait_for("Kafka")
        self._loop = RouterLoop(self._context, self._parts, self.identity)
        self._loop.start()
        return 0

    def _end_life(self, error: KafkaException) -> None:
        """Close the clients and pause; the next turn begins another life."""
        fault = error.args[0]
        self.neighbour.failed(fault.str())
        metrics.count("santral_router_lives_total", reason=fault.name())
        log.warning("life.ended", why=fault.str())
        closed = self._loop is None or self._loop.close(leave=False)
        self._loop = None
        name_taken = self._is_name_taken(fault)
        if name_taken:
            log.error("identity.taken", name=self.identity.name, remedy=REMEDY)
        if name_taken or not closed:
            # Two consumers of one name would evict each other from the group again and again.
            self.identity.release()
            self.identity = random_identity(STAGE)
        pause_s = self._backoff.next()
        self.progress.wait_for("Kafka", pause_s)
        self.stopping.wait(pause_s)

    def _is_name_taken(self, fault: KafkaError) -> bool:
        """Say whether another process has this name; one fence alone is a take-over after a stall.

        Without traffic, the group reports it to the consumer. With traffic, the producers of both
        processes may fence each other first.
        """
        if fault.code() != KafkaError._FENCED:
            return is_name_taken(fault)
        now_s, before_s = self._context.clock.monotonic(), self._fenced_at_s
        self._fenced_at_s = now_s
        return self.identity.lasting and now_s - before_s < _SAME_NAME_FENCES_S

    def _refresh_incidents(self) -> None:
        """Decide with the incidents that are open now."""
        if self._policies.set_incidents(self._incidents.current):
            log.info("incidents.open", count=len(self._incidents.current))


def _is_bug(error: KafkaException) -> bool:
    fault = error.args[0]
    return not isinstance(fault, KafkaError) or fault.code() in _BUGS


def warn_of_unused_build(modules: compiled_modules.Status) -> None:
    """Log why compiled modules that are there do not run."""
    if modules in (compiled_modules.Status.STALE, compiled_modules.Status.LATE):
        log.warning("modules.pure", why=modules.value)


def start(settings: Settings, modules: compiled_modules.Status) -> None:
    """Run the stage until SIGTERM or SIGINT; `modules` says which of its modules run."""
    logs.configure(STAGE, settings.log_level)
    warn_of_unused_build(modules)
    clock, health = SystemClock(), Health(STAGE)
    archive = open_archive(settings, uploads=True)
    router = Router(settings, load_policy(settings), clock, archive, health)

    def stop(_number: int, _frame: FrameType | None) -> None:
        router.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    backlog = Backlog(settings.kafka, settings.ops.stall)
    watchdog = Watchdog(health, router.progress, settings.ops, clock, backlog)
    ops = serve_ops(health, settings.ops)  # after every check, so that no answer lacks one
    # Rules and models stay in memory, so the collector need not visit them after every batch.
    gc.collect()
    gc.freeze()
    router.watch()
    router.start()
    watchdog.start()
    log.info("stage.started", ops_port=ops.server_port, modules=modules.name.lower())
    while not router.stopping.is_set():
        router.turn()
    watchdog.stop()
    router.stop()
    archive.close()
    log.info("stage.stopped")
