"""Brings the lines of Kafka's client libraries into our log, as events without repeats.

Each line of librdkafka, aiokafka, kafka-python and Faust becomes an event `kafka.client` with the
client, its text and the topic that it names. A process without our log, such as a command that
prints its answer, drops the lines.
"""

import logging
import re
from collections.abc import Callable

import structlog

from runtime.repeats import Repeats

LIBRARIES = ("aiokafka", "kafka", "faust", "mode")
"""The libraries that log through Python's logging; librdkafka takes a ClientLog."""
_THREAD = re.compile(r"^\[thrd:[^\]]*\]: ")
_SERVICE = re.compile(r"^\[\^[^\]]*\]: ")
"""How Faust's services begin a line: the same crash comes from each of them."""
_TOPIC = re.compile(r"\b([a-z][\w.-]*\.v\d+)\b")
"""A topic of ours in a client's line: `messages.v1 [3]`, `topic='messages.v1'`."""


class ClientLog:
    """Logs a client's line unless the same came within the last minute."""

    def __init__(self, repeats: Repeats) -> None:
        self._repeats = repeats

    def log(self, level: int, _format: str, facility: str, client: str, text: str) -> None:
        """Log a line of librdkafka: a client's `logger` needs no other method."""
        if level >= logging.WARNING:
            self.write(client.partition("#")[0], _THREAD.sub("", text), facility=facility)

    def write(self, client: str, text: str, **fields: object) -> None:
        """Log a line, and how many like it were left out before."""
        if not structlog.is_configured():
            return
        left_out = self._repeats.admit(client, text)
        if left_out is None:
            return
        if topic := _TOPIC.search(text):
            fields["topic"] = topic[1]
        if left_out:
            fields["left_out"] = left_out
        structlog.get_logger(module=__name__).warning(
            "kafka.client", client=client, text=text, **fields
        )


CLIENTS = ClientLog(Repeats())
"""One for the process: all its clients meet the same broker's end."""


class _ClientHandler(logging.Handler):
    def __init__(self, client: str, is_outage: Callable[[BaseException], bool]) -> None:
        super().__init__()
        self._client, self._is_outage = client, is_outage

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record; an error keeps its traceback, unless it is an outage."""
        fields: dict[str, object] = {}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not self._is_outage(error):
            fields["exc_info"] = error
        CLIENTS.write(self._client, _SERVICE.sub("", record.getMessage()), **fields)


def take_over_libraries() -> None:
    """Let the libraries' loggers write through CLIENTS, from warnings on."""
    for name in LIBRARIES:
        take_over_logger(name, name, lambda _error: False)


def take_over_logger(name: str, client: str, is_outage: Callable[[BaseException], bool]) -> None:
    """Let one logger write through CLIENTS under the name of its client, from warnings on."""
    logger = logging.getLogger(name)
    logger.handlers = [_ClientHandler(client, is_outage)]
    logger.propagate = False
    logger.setLevel(logging.WARNING)
