"""The harms that the measurement does to a cluster's neighbours and stages, one function each.

A harm takes a running cluster and returns the undoing, or None where there is nothing to undo.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.cluster.cluster import Cluster
from tests.support.redis import states

Undo = Callable[[], object] | None
Harm = Callable[[Cluster], Undo]


@dataclass(frozen=True)
class HarmPlan:
    """One row of the table: a harm, for how many seconds, and whether brokers must catch up."""

    text: str
    harm: Harm
    seconds: float
    brokers: bool = False


def kill_leader(cluster: Cluster) -> Undo:
    """End the broker that leads the first partition of messages.v1."""
    number = cluster.brokers.leader("messages.v1")
    cluster.brokers.kill(number)
    return lambda: cluster.brokers.start_node(number)


def kill_controller(cluster: Cluster) -> Undo:
    """End the active controller."""
    number = cluster.brokers.controller()
    cluster.brokers.kill(number)
    return lambda: cluster.brokers.start_node(number)


def freeze_leader(cluster: Cluster) -> Undo:
    """Stop the clock of the broker that leads the first partition of messages.v1."""
    number = cluster.brokers.leader("messages.v1")
    cluster.brokers.freeze(number)
    return lambda: cluster.brokers.thaw(number)


def kill_two(cluster: Cluster) -> Undo:
    """End two of three brokers: nothing can be written until one is back."""
    first = cluster.brokers.leader("messages.v1")
    numbers = [first, first % 3 + 1]
    for number in numbers:
        cluster.brokers.kill(number)

    def start_both() -> None:
        for number in numbers:
            cluster.brokers.start_node(number)

    return start_both


def roll_brokers(cluster: Cluster) -> Undo:
    """Restart all brokers as an operator does, each once the one before is whole again."""
    for number in cluster.brokers.nodes:
        cluster.brokers.stop_node(number)
        cluster.brokers.start_node(number)
        cluster.brokers.wait_whole()
    return None


def kill_postgres(cluster: Cluster) -> Undo:
    """End PostgreSQL."""
    assert cluster.postgres is not None
    cluster.postgres.kill()
    return cluster.postgres.run


def freeze_postgres(cluster: Cluster) -> Undo:
    """Stop PostgreSQL's clock."""
    assert cluster.postgres is not None
    cluster.postgres.freeze()
    return cluster.postgres.thaw


def fill_archive(cluster: Cluster) -> Undo:
    """Fill the disk of the archive; without a disk of its own nothing is harmed."""
    assert cluster.archive.is_mount(), "the archive needs a disk of its own: run as root"
    ballast = cluster.archive / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast.unlink


def flush_redis(cluster: Cluster) -> Undo:
    """Empty Redis."""
    cluster.valkey.run("FLUSHALL")
    return None


def kill_redis(cluster: Cluster) -> Undo:
    """End Redis; it comes back with its file."""
    cluster.valkey.kill()
    return cluster.valkey.start


def fail_over_redis(cluster: Cluster) -> Undo:
    """Promote the replica; the old server is read-only until it has the new one's data."""
    cluster.replica.run("REPLICAOF", "NO", "ONE")
    cluster.valkey.run("REPLICAOF", "127.0.0.1", cluster.replica.port)

    def back() -> None:
        cluster.valkey.run("REPLICAOF", "NO", "ONE")
        cluster.replica.run("REPLICAOF", "127.0.0.1", cluster.valkey.port)

    return back


def fill_redis(cluster: Cluster) -> Undo:
    """Let Redis reach its memory's limit."""
    return states.fill_memory(cluster.valkey.port)


def break_redis_disk(cluster: Cluster) -> Undo:
    """Let Redis fail to save, so that it refuses writes with MISCONF."""
    return states.break_saving(cluster.valkey.port)


def lose_mail_server(cluster: Cluster) -> Undo:
    """Take away the mail server of one of two accounts."""
    cluster.mail["bad"].stop()
    return cluster.mail["bad"].start


def kill_stage(name: str) -> Harm:
    """Return the harm that ends a stage; its supervisor starts it again."""

    def harm(cluster: Cluster) -> Undo:
        cluster.stages[name].kill()
        return None

    return harm


def freeze_stage(name: str) -> Harm:
    """Return the harm that stops a stage's clock."""

    def harm(cluster: Cluster) -> Undo:
        stage = cluster.stages[name]
        stage.freeze()
        return stage.thaw

    return harm


FAULTS = {
    "leader": HarmPlan("SIGKILL leader of messages.v1/0, 15 s", kill_leader, 15, brokers=True),
    "controller": HarmPlan("SIGKILL active controller, 15 s", kill_controller, 15, brokers=True),
    "frozen": HarmPlan("SIGSTOP leader broker 30 s", freeze_leader, 30, brokers=True),
    "two": HarmPlan("SIGKILL 2 of 3 brokers, back at +25 s", kill_two, 25, brokers=True),
    "rolling": HarmPlan("rolling restart of 3 brokers", roll_brokers, 0, brokers=True),
    "postgres-kill": HarmPlan("PostgreSQL SIGKILL, 15 s down", kill_postgres, 15),
    "postgres-freeze": HarmPlan("PostgreSQL SIGSTOP 20 s", freeze_postgres, 20),
    "disk": HarmPlan("archive's disk full 15 s", fill_archive, 15),
    "redis-flush": HarmPlan("Valkey FLUSHALL", flush_redis, 0),
    "redis-kill": HarmPlan("Valkey SIGKILL 5 s (AOF)", kill_redis, 5),
    "redis-failover": HarmPlan("Valkey failover, read-only 12 s", fail_over_redis, 12),
    "redis-full": HarmPlan("Valkey maxmemory reached 12 s", fill_redis, 12),
    "redis-misconf": HarmPlan("Valkey can't save (MISCONF) 12 s", break_redis_disk, 12),
    "mail": HarmPlan("one of two mail servers away 20 s", lose_mail_server, 20),
    "router-kill": HarmPlan("SIGKILL router (of 2)", kill_stage("router"), 0),
    "router-freeze": HarmPlan("SIGSTOP router2 25 s", freeze_stage("router2"), 25),
    "ingest-kill": HarmPlan("SIGKILL ingest", kill_stage("ingest"), 0),
    "ingest-freeze": HarmPlan("SIGSTOP ingest 12 s", freeze_stage("ingest"), 12),
    "recorder-kill": HarmPlan("SIGKILL recorder", kill_stage("recorder"), 0),
    "recorder-freeze": HarmPlan("SIGSTOP recorder 15 s", freeze_stage("recorder"), 15),
    "desk-kill": HarmPlan("SIGKILL desk", kill_stage("desk"), 0),
    "desk-freeze": HarmPlan("SIGSTOP desk 25 s", freeze_stage("desk"), 25),
    "console-kill": HarmPlan("SIGKILL console", kill_stage("console"), 0),
    "console-freeze": HarmPlan("SIGSTOP console 12 s", freeze_stage("console"), 12),
    "replies-kill": HarmPlan("SIGKILL replies", kill_stage("replies"), 0),
    "replies-freeze": HarmPlan("SIGSTOP replies 15 s", freeze_stage("replies"), 15),
    "watch-kill": HarmPlan("SIGKILL watch", kill_stage("watch"), 0),
    "watch-freeze": HarmPlan("SIGSTOP watch 15 s", freeze_stage("watch"), 15),
}
