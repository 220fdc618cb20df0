"""The private names of libraries that the code uses: all are in this table, and all exist."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import aioimaplib
import httpcore2
import httpx2
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiosmtpd.smtp import SMTP
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from mode.threads import ServiceThread

from tests.support.paths import ROOT

_DOCUMENTED = {"_exit", "_replace", "_current_frames"}
"""os._exit, a named tuple's _replace, sys._current_frames: the underscore is in the manual."""

Owner = type | Callable[..., object]
"""A class, or the function that sets the attributes."""

USED: dict[str, tuple[tuple[Owner, tuple[str, ...]], ...]] = {
    "ingest/channels/email/session.py": (
        (aioimaplib.IMAP4.__init__, ("_idle_waiter",)),
        (aioimaplib.IMAP4.create_client, ("_client_task",)),
    ),
    "ingest/door/mail_data.py": (
        (SMTP, ("_call_handler_hook", "_set_post_data_state")),
        (SMTP.connection_made, ("_reader",)),
    ),
    "router/watch/app.py": (
        (AIOKafkaConsumer.__init__, ("_isolation_level",)),
        (AIOKafkaConsumerThread, ("_ensure_consumer", "_create_worker_consumer")),
        (ServiceThread.start, ("_thread_running",)),
    ),
    "runtime/bus/readers.py": ((AIOKafkaAdminClient.__init__, ("_client",)),),
    "runtime/bus/kafka_client.py": (
        (AIOKafkaClient, ("_md_synchronizer", "_get_conn")),
        (
            AIOKafkaClient.__init__,
            (
                "_sync_task",
                "_client_id",
                "_request_timeout_ms",
                "_ssl_context",
                "_security_protocol",
                "_sasl_mechanism",
                "_sasl_plain_username",
                "_sasl_plain_password",
            ),
        ),
    ),
    "runtime/bus/kafka_reader.py": (
        (AIOKafkaConsumer.__init__, ("_client", "_coordinator", "_fetcher")),
        (AIOKafkaClient, ("_wait_on_metadata",)),
        (
            GroupCoordinator.__init__,
            ("_coordination_task", "_heartbeat_task", "_commit_refresh_task"),
        ),
    ),
    "runtime/http/public_client.py": (
        (httpx2.AsyncHTTPTransport.__init__, ("_pool",)),
        (httpcore2.AsyncConnectionPool.__init__, ("_network_backend",)),
    ),
}
"""The private names by file, each with its owner."""


@pytest.mark.parametrize("file", sorted(USED))
def test_the_library_still_has_the_private_names(file: str) -> None:
    for owner, names in USED[file]:
        present = dir(owner) if isinstance(owner, type) else owner.__code__.co_names
        assert set(names) <= set(present), owner


def test_no_other_private_name_of_a_library_is_used() -> None:
    for package in ("schemas", "runtime", "ingest", "router", "workers", "cli"):
        for path in sorted((ROOT / package).rglob("*.py")):
            file = str(path.relative_to(ROOT))
            allowed = {name for _, names in USED.get(file, ()) for name in names}
            assert set(_foreign_names(path)) <= allowed, file


def _foreign_names(path: Path) -> Iterator[str]:
    """Yield the private attributes that a file reads and does not define itself."""
    tree = ast.parse(path.read_text())
    nodes = list(ast.walk(tree))
    own = {
        node.name
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    own |= {
        node.target.id
        for node in nodes
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    own |= {
        node.attr
        for node in attributes
        if isinstance(node.ctx, ast.Store) and ast.unparse(node.value) in ("self", "cls")
    }
    for node in attributes:
        error_code = ast.unparse(node.value).endswith("KafkaError")  # librdkafka's own codes
        private = node.attr.startswith("_") and not node.attr.startswith("__")
        if private and not error_code and node.attr not in own | _DOCUMENTED:
            yield node.attr
