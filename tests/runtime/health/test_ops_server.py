"""The ops server logs its own faults, and nothing about a caller that leaves."""

import http.client
import socket
import struct
import threading

import pytest
from structlog.testing import capture_logs

from runtime.health.checks import Health
from runtime.health.ops_server import serve_ops
from runtime.settings.structs import OpsSettings
from tests.support.waiting import wait

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def handlers() -> set[threading.Thread]:
    """Return the threads that answer a request, of this and of other servers."""
    return {t for t in threading.enumerate() if "process_request_thread" in t.name}


def wait_for_handlers(others: set[threading.Thread]) -> None:
    """Return once no thread but `others` answers a request any more."""
    wait("no request is being answered", lambda: not handlers() - others)


def test_a_caller_that_leaves_before_its_answer_leaves_no_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    health, checking, left = Health("router"), threading.Event(), threading.Event()
    others = handlers()

    def check() -> None:
        checking.set()
        left.wait(10)

    health.add("slow", check)
    server = serve_ops(health, OpsSettings(port=0))
    try:
        with capture_logs() as events:
            with socket.create_connection(("127.0.0.1", server.server_port)) as caller:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                caller.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
                assert checking.wait(10)
            left.set()
            wait_for_handlers(others)
        assert events == []
        assert capsys.readouterr().err == ""
    finally:
        server.shutdown()
        server.server_close()


def test_a_bug_in_a_check_is_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    health = Health("router")
    others = handlers()

    def check() -> str:
        raise ValueError("a bug")

    health.add("broken", check)
    server = serve_ops(health, OpsSettings(port=0))
    try:
        with capture_logs() as events:
            caller = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
            caller.request("GET", "/readyz")
            with pytest.raises(http.client.RemoteDisconnected):
                caller.getresponse()
            caller.close()
            wait_for_handlers(others)
        assert [event["event"] for event in events] == ["ops.failed"]
        assert capsys.readouterr().err == ""
    finally:
        server.shutdown()
        server.server_close()
