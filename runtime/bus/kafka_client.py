"""aiokafka's client, which finds the cluster although one address stays silent.

Consumers (kafka_reader.py) and admins (readers.py) connect with it, within seconds or not at all.
aiokafka itself waits for the full time of a request at each address in turn, and leaves a
connection open when its caller cancels it.
"""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.api import Response
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.util import create_task

T = TypeVar("T")

SETUP_LIMIT_S = 5.0
"""A broker takes a new connection within this time. A frozen one only seems to take it; and a full
queue of connections makes the kernel wait for 1, 2, 4, 8 s between two tries."""
_STAGGER_S = 0.5
"""A client tries the next address when the one before has been silent for this time."""


class KafkaClient(AIOKafkaClient):  # type: ignore[misc]  # aiokafka's classes are untyped here
    """The connections of a reader. After `close` it opens none, whatever task of aiokafka asks."""

    _is_closed = False

    async def close(self) -> None:
        """Close every connection, also one that is being opened."""
        self._is_closed = True
        await super().close()

    def is_closed(self) -> bool:
        """Say whether `close` was called."""
        return self._is_closed

    async def bootstrap(self) -> None:
        """Learn the brokers; raise KafkaError when no address answers."""
        await find_brokers(self)

    async def _get_conn(
        self,
        node_id: int | str,
        *,
        group: ConnectionGroup = ConnectionGroup.DEFAULT,
        no_hint: bool = False,
    ) -> AIOKafkaConnection | None:
        """Return the connection to a broker, None if it takes none within SETUP_LIMIT_S."""
        if self.is_closed():
            return None
        try:
            async with asyncio.timeout(SETUP_LIMIT_S):
                connection = await super()._get_conn(node_id, group=group, no_hint=no_hint)
        except TimeoutError:
            self.force_metadata_update()
            return None
        if self.is_closed() and connection is not None:
            connection.close()
            return None
        return connection


async def find_brokers(client: AIOKafkaClient) -> None:
    """Let a client learn the brokers; raise KafkaError when no address answers.

    A silent address delays the next by half a second. No connection stays open, however this ends.
    """
    questions = [_ask(client, host, port) for host, port, _ in client.hosts]
    client.cluster.update_metadata(await _first_answer(questions))
    if client._sync_task is None:
        client._sync_task = create_task(client._md_synchronizer())


async def _first_answer(questions: list[Coroutine[None, None, T]]) -> T:
    """Return the first answer, and cancel the other questions; raise the last failure."""
    waiting = list(reversed(questions))
    running: set[asyncio.Task[T]] = set()
    failure: KafkaError = KafkaConnectionError("no address is configured")
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(waiting.pop()))
            done, running = await asyncio.wait(
                running,
                timeout=_STAGGER_S if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                try:
                    return task.result()
                except KafkaError as error:
                    failure = error
        raise failure
    finally:
        for question in waiting:
            question.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _ask(client: AIOKafkaClient, host: str, port: int) -> Response:
    """Return the metadata that an address has; raise KafkaError without a broker in it."""
    try:
        async with asyncio.timeout(SETUP_LIMIT_S):
            connection = await create_conn(
                host,
                port,
                client_id=client._client_id,
                request_timeout_ms=client._request_timeout_ms,
                ssl_context=client._ssl_context,
                security_protocol=client._security_protocol,
                sasl_mechanism=client._sasl_mechanism,
                sasl_plain_username=client._sasl_plain_username,
                sasl_plain_password=client._sasl_plain_password,
            )
            try:
                metadata = await connection.send(MetadataRequest([]))
            finally:
                connection.close()
    except TimeoutError as error:
        raise KafkaConnectionError(
            f"{host}:{port} is silent for more than {SETUP_LIMIT_S:g} s"
        ) from error
    except OSError as error:
        raise KafkaConnectionError(f"{host}:{port} can't be reached: {error}") from error
    if not metadata.brokers:
        # Without a controller, a broker does not count itself.
        raise KafkaConnectionError(f"{host}:{port} knows no broker that is ready")
    return metadata
