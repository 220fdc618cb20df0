"""Three combined KRaft nodes of the pinned Kafka on loopback, each to be killed, frozen and started.

Replication is 3 and min ISR 2, also of the internal topics; all other broker settings are Kafka's
defaults.
"""

import json
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, ClusterMetadata, NewTopic

from cli.up.kafka import Broker, new_cluster_id, silent_logger
from cli.up.ports import free_port
from tests.support.json_body import JsonBody
from tests.support.paths import JARS
from tests.support.waiting import wait

NODES = (1, 2, 3)
HEAP_MB = 320
MIN_ISR = 2
_START_S = 60.0
_REPLICATED = {
    "default.replication.factor": 3,
    "min.insync.replicas": MIN_ISR,
    "unclean.leader.election.enable": "false",
    "offsets.topic.replication.factor": 3,
    "transaction.state.log.replication.factor": 3,
    "transaction.state.log.min.isr": MIN_ISR,
    "share.coordinator.state.topic.replication.factor": 3,
    "share.coordinator.state.topic.min.isr": MIN_ISR,
}


@dataclass(frozen=True)
class Node(Broker):
    """One broker and controller of several; `voters` names all of them."""

    number: int = 1
    voters: str = ""

    def _properties(self) -> str:
        own = {"node.id": self.number, "controller.quorum.voters": self.voters, **_REPLICATED}
        # Kafka takes the last value of a key that comes twice.
        return super()._properties() + "".join(f"{key}={value}\n" for key, value in own.items())

    def copy_storage(self, first: "Node") -> None:
        """Take over another node's formatted storage: quicker than a Java of its own."""
        self.home.mkdir(parents=True)
        shutil.copytree(first.home / "data", self.home / "data")
        meta = self.home / "data" / "meta.properties"
        lines = [line for line in meta.read_text().splitlines() if ".id=" not in line]
        lines += [line for line in meta.read_text().splitlines() if line.startswith("cluster.id=")]
        directory = new_cluster_id()
        lines += [f"node.id={self.number}", f"directory.id={directory}"]
        meta.write_text("\n".join(lines) + "\n")

    def quorum(self) -> JsonBody:
        """Return the node's last view of the controllers' election."""
        try:
            state = self.home / "data" / "__cluster_metadata-0" / "quorum-state"
            view: JsonBody = json.loads(state.read_text())
        except (OSError, ValueError):
            return {}  # no election yet, or the file is being replaced
        return view


class Brokers:
    """The three nodes as processes."""

    def __init__(self, home: Path) -> None:
        controllers = {number: free_port() for number in NODES}
        voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in controllers.items())
        self.nodes = {
            number: Node(
                home=home / f"kafka{number}",
                jars=JARS,
                port=free_port(),
                controller_port=controllers[number],
                heap_mb=HEAP_MB,
                number=number,
                voters=voters,
            )
            for number in NODES
        }
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def bootstrap(self) -> str:
        """The addresses of all nodes."""
        return ",".join(node.bootstrap for node in self.nodes.values())

    def prepare(self) -> None:
        """Format the storage of all nodes as one cluster."""
        first, *others = self.nodes.values()
        first.prepare()
        for node in others:
            node.copy_storage(first)
            node.prepare()

    def start(self) -> "Brokers":
        """Start all nodes, and return once each leads what it can lead."""
        for number in NODES:
            self.start_node(number)
        wait("three brokers answer", lambda: len(self._metadata().brokers) == len(NODES), _START_S)
        self._make_internal_topics()
        return self

    def start_node(self, number: int) -> None:
        """Start one node; do not wait for it."""
        self.processes[number] = subprocess.Popen(
            self.nodes[number].command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self, number: int) -> None:
        """End a node at once, as a power cut does."""
        self.processes[number].kill()
        self.processes[number].wait()

    def stop_node(self, number: int) -> None:
        """End a node as an operator does: it hands over what it leads."""
        self.processes[number].terminate()
        self.processes[number].wait(60)

    def freeze(self, number: int) -> None:
        """Stop a node's clock: its connections stay open and nothing answers."""
        self.processes[number].send_signal(signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        """Let a frozen node run on."""
        self.processes[number].send_signal(signal.SIGCONT)

    def controller(self) -> int:
        """Return the number of the active controller."""

        def elected() -> int:
            views = [node.quorum() for node in self.nodes.values()]
            newest = max(views, key=lambda view: view.get("leaderEpoch", -1))
            return int(newest.get("leaderId", 0))

        return wait("a controller is elected", lambda: max(elected(), 0))

    def leader(self, topic: str, partition: int = 0) -> int:
        """Return the number of the node that leads a partition."""
        number = int(self._metadata().topics[topic].partitions[partition].leader)
        assert number in NODES, f"{topic}/{partition} has no leader"
        return number

    def is_serving(self) -> bool:
        """Say whether every node answers and finds that each partition can be written."""
        return all(self._finds_in_sync(number, MIN_ISR) for number in NODES)

    def commits(self) -> bool:
        """Say whether a transaction over all nodes, of a client without a past, is committed."""
        producer = Producer(
            {
                **_QUIET,
                "bootstrap.servers": self.bootstrap,
                "transactional.id": "probe",
                "transaction.timeout.ms": 5000,
            }
        )
        try:
            producer.init_transactions(_COMMIT_S)
            producer.begin_transaction()
            for partition in range(len(NODES)):
                producer.produce(_PROBE, b"probe", partition=partition)
            producer.commit_transaction(_COMMIT_S)
        except KafkaException:
            return False
        return True

    def is_whole(self) -> bool:
        """Say whether every node answers and finds all replicas of all partitions in sync."""
        return all(self._finds_in_sync(number, len(NODES)) for number in NODES)

    def _finds_in_sync(self, number: int, replicas: int) -> bool:
        # Each node by itself: the others still count one that died a moment ago.
        view = self._metadata(self.nodes[number].bootstrap)
        partitions = [p for topic in view.topics.values() for p in topic.partitions.values()]
        return len(view.brokers) == len(NODES) and all(
            p.leader in NODES and len(p.isrs) >= replicas for p in partitions
        )

    def wait_whole(self, seconds: float = 90) -> None:
        """Return once every partition has all its replicas in sync."""
        wait("every replica is in sync", self.is_whole, seconds)

    def stop(self) -> None:
        """End all nodes at once: their data goes with the test's folder."""
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()

    def _admin(self, bootstrap: str = "") -> AdminClient:
        return AdminClient({**_QUIET, "bootstrap.servers": bootstrap or self.bootstrap})

    def _metadata(self, bootstrap: str = "") -> ClusterMetadata:
        """Return what a living node knows of brokers and topics; nothing while none answers."""
        try:
            return self._admin(bootstrap).list_topics(timeout=3)
        except KafkaException:
            return _NOTHING

    def _make_internal_topics(self) -> None:
        """Make Kafka's own topics, for which the first consumer and transaction would wait."""
        common = {"cleanup.policy": "compact", "segment.bytes": "104857600"}
        admin = self._admin()  # its futures end with it
        created = admin.create_topics(
            [
                NewTopic(name, 4, 3, config=common | {"compression.type": compression})
                for name, compression in _INTERNAL.items()
            ]
            + [NewTopic(_PROBE, len(NODES), 3)]
        )
        for future in created.values():
            try:
                future.result(20)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise


_QUIET: dict[str, object] = {
    "socket.timeout.ms": 5000,
    "log_level": 0,
    "logger": silent_logger(),
}
_PROBE = "probe"
_COMMIT_S = 4.0
_INTERNAL = {"__consumer_offsets": "producer", "__transaction_state": "uncompressed"}

# The metadata of a cluster of which no node answers.
_NOTHING = ClusterMetadata()
