"""A vendor's webhook: proven, taken apart, in Kafka and answered, against a bare 200 for its body.

Between the two is the proof alone, by a server that verifies the same signature and answers.
"""

import hmac
import time
from hashlib import sha256
from typing import Any

import msgspec
import uvloop

from bench.doors.bare_server import APP_SECRET, bare_command
from bench.doors.load import CONNECTIONS, SECONDS, MakeRequest, answers_per_second
from bench.doors.server_process import DOOR, door_environment, run_server, wait_for_port
from bench.support import TEXTS
from cli.up.ports import free_port
from tests.support.samples.registry import SAMPLES
from tests.support.servers.broker import start_broker

_CALL = SAMPLES["whatsapp"].document
_VALUE = _CALL["entry"][0]["changes"][0]["value"]
_WARM_UP_S = 2.0


def _make_body(connection: int, number: int) -> bytes:
    phone = f"9053{connection:08d}"
    message = _VALUE["messages"][0] | {
        "from": phone,
        "id": f"wamid.{connection}.{number}.{time.time_ns()}",
        "timestamp": str(int(time.time())),
        "text": {"body": TEXTS[number % len(TEXTS)]},
    }
    contact = {"wa_id": phone, "profile": {"name": "A"}}
    value = _VALUE | {"contacts": [contact], "messages": [message]}
    change = {"field": "messages", "value": value}
    return msgspec.json.encode(_CALL | {"entry": [{"id": "1", "changes": [change]}]})


def _requests_to(path: str) -> MakeRequest:
    def make_request(connection: int, number: int) -> bytes:
        body = _make_body(connection, number)
        signature = hmac.new(APP_SECRET.encode(), body, sha256).hexdigest()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256={signature}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    return make_request


def _measure_rate(port: int, path: str, seconds: float) -> float:
    return uvloop.run(answers_per_second(port, seconds, _requests_to(path), 200))


def run() -> dict[str, Any]:
    """Measure bare, proven and the door by turns; the load comes from this process."""
    bare_port, door_port = free_port(), free_port()
    targets = {
        "bare": (bare_port, "/bare"),
        "proven": (bare_port, "/proven"),
        "door": (door_port, "/v1/hooks/whatsapp/bench"),
    }
    rates: dict[str, list[float]] = {name: [] for name in targets}
    with start_broker() as settings:
        environment = door_environment(settings, door_port) | {
            "SANTRAL_CHANNELS__WHATSAPP__BENCH__APP_SECRET": APP_SECRET
        }
        with run_server(bare_command(bare_port), environment), run_server(DOOR, environment):
            for port, path in targets.values():
                wait_for_port(port)
                _measure_rate(port, path, _WARM_UP_S)
            for _ in range(2):
                for name, (port, path) in targets.items():
                    rates[name].append(_measure_rate(port, path, SECONDS / 2))
    bare, proven, door = (sum(values) / len(values) for values in rates.values())
    return {
        "connections": CONNECTIONS,
        "bare_per_s": round(bare),
        "proven_per_s": round(proven),
        "door_per_s": round(door),
        "proven_ratio": round(proven / bare, 3),
        "ratio": round(door / bare, 3),
    }
