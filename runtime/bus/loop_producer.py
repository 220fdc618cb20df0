"""librdkafka's producer for an event loop: the loop gets the acknowledgements in batches.

publisher.py makes one, and makes another after an outage. One thread polls the producer. It hands
all acknowledgements of a poll over to the loop at once, because a hand-over for each record costs
more than the record.
"""

import asyncio
import functools
import threading
import time
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.envelope import Headers

_POLL_S = 0.2
"""The thread notices its end after this time at most."""
_FIRST_QUESTION_S = 0.1
"""The first wait for an answer of the brokers; each further one is twice as long, because a busy
broker needs more time. Between two of them the thread sees that all addresses refuse."""
_ENDED_TEXT = "the producer met an outage and was discarded"

Position = tuple[int, int]
"""The partition and the offset of an acknowledged record."""

Acknowledgement = asyncio.Future[Position]

Report = tuple[Acknowledgement, KafkaError | None, Position]


class LoopProducer:
    """A producer whose records end within `limit_s`: with Kafka's acknowledgement or an error.

    Its methods belong to the thread of the event loop that made it.
    """

    def __init__(self, settings: Mapping[str, object], limit_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit_s = limit_s
        self._unacknowledged: dict[Acknowledgement, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._refusal: KafkaError | None = None
        self._reports: list[Report] = []
        self._ends = False
        self._producer = Producer({**settings, "error_cb": self._note_error})
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        threading.Thread(target=self._run, name="kafka acknowledgements", daemon=True).start()

    async def connect(self) -> None:
        """Return once a broker has answered; raise KafkaException when no address does."""
        await asyncio.shield(self._connected)

    def send(
        self, topic: str, value: bytes | None, key: bytes, partition: int | None, headers: Headers
    ) -> Acknowledgement:
        """Send a record; return the future of its position.

        The future raises KafkaException, TimeoutError after the limit, and ConnectionError when
        `end` comes first. `send` itself raises ConnectionError after `end`, and KafkaException or
        BufferError for a record that can't be sent.
        """
        if self._ends:
            raise ConnectionError(_ENDED_TEXT)
        sending: Acknowledgement = self._loop.create_future()
        self._producer.produce(
            topic,
            value,
            key,
            -1 if partition is None else partition,
            functools.partial(self._note_report, sending),
            headers=headers,
        )
        due_s = self._loop.time() + self._limit_s
        self._unacknowledged[sending] = due_s
        if self._timer is None:
            self._timer = self._loop.call_at(due_s, self._end_late)
        return sending

    async def flush(self) -> None:
        """Wait until each record is acknowledged or has failed."""
        if self._unacknowledged:
            await asyncio.wait(self._unacknowledged)

    def end(self) -> "asyncio.Future[None]":
        """Send nothing from now on, and disconnect; return the future of the last step."""
        if not self._ends:
            self._ends = True
            self._producer.purge(blocking=False)
            if self._timer is not None:
                self._timer.cancel()
            for sending in self._unacknowledged:
                if not sending.done():
                    sending.set_exception(ConnectionError(_ENDED_TEXT))
            self._unacknowledged.clear()
        return self._ended

    def _end_late(self) -> None:
        """Fail the records without an acknowledgement within the limit."""
        now_s, self._timer = self._loop.time(), None
        for sending, due_s in list(self._unacknowledged.items()):
            if due_s > now_s:
                self._timer = self._loop.call_at(due_s, self._end_late)
                return
            del self._unacknowledged[sending]
            if not sending.done():
                sending.set_exception(TimeoutError())

    def _settle(self, reports: list[Report]) -> None:
        """End the futures of a batch of reports, in the loop."""
        for sending, error, position in reports:
            self._unacknowledged.pop(sending, None)
            if sending.done():
                continue  # its caller left, or its time was over
            if error is None:
                sending.set_result(position)
            else:
                sending.set_exception(KafkaException(error))

    def _note_connected(self, error: KafkaException | None) -> None:
        if error is None:
            self._connected.set_result(None)
        else:
            self._connected.set_exception(error)
            self._connected.exception()  # its caller may be gone; asyncio would then warn

    def _note_ended(self) -> None:
        if not self._ended.done():  # a caller that was cancelled has cancelled this future, too
            self._ended.set_result(None)

    def _run(self) -> None:
        """Connect, and hand reports over until the end; the thread's only function."""
        try:
            self._ask_brokers()
            self._call_in_loop(self._note_connected, None)
        except KafkaException as error:
            self._call_in_loop(self._note_connected, error)
        while not self._ends:
            self._producer.poll(_POLL_S)
            self._hand_over()
        self._producer.purge()
        self._producer.poll(0)
        self._hand_over()
        del self._producer  # the last reference, so that the client closes here and not in the loop
        self._call_in_loop(self._note_ended)

    def _ask_brokers(self) -> None:
        """Ask for the brokers until one answers; raise KafkaException."""
        ends_s, wait_s = time.monotonic() + self._limit_s, _FIRST_QUESTION_S
        while True:
            left_s = ends_s - time.monotonic()
            try:
                self._producer.list_topics(timeout=max(0.001, min(wait_s, left_s)))
            except KafkaException as error:
                self._producer.poll(0)  # it calls _note_error
                if self._refusal is not None:
                    raise KafkaException(self._refusal) from error
                if self._ends or left_s <= wait_s:
                    raise
                wait_s *= 2
            else:
                return

    def _note_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._refusal = error

    def _note_report(
        self, sending: Acknowledgement, error: KafkaError | None, record: Message
    ) -> None:
        self._reports.append((sending, error, (record.partition(), record.offset())))

    def _hand_over(self) -> None:
        if self._reports:
            reports, self._reports = self._reports, []
            self._call_in_loop(self._settle, reports)

    def _call_in_loop(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed, and nobody waits for this producer
            self._ends = True
