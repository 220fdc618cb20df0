"""The ports of the local profile, from the settings or free ones that the home remembers.

Each server that people or other programs use gets a port. One error names all ports that are taken.
"""

import contextlib
import json
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from runtime.settings.structs import Settings
from schemas.errors import Unavailable

Choice = Literal["settings", "auto"]

# Below the range of outgoing connections (Linux: from 32768 on), because one of those could take
# a port between our choice and the server's start.
_PORTS = range(20_000, 32_000)
_chosen_before: set[int] = set()


@dataclass(frozen=True, kw_only=True)
class Ports:
    """The ports of one profile's servers."""

    kafka: int
    controller: int
    redis: int
    door: int
    console: int


_NAMES = {
    "kafka": "Kafka",
    "controller": "Kafka's controller",
    "redis": "Valkey",
    "door": "the door",
    "console": "the console",
}
_VARIABLES = {
    "kafka": "SANTRAL_LOCAL__KAFKA_PORT",
    "controller": "SANTRAL_LOCAL__CONTROLLER_PORT",
    "redis": "SANTRAL_LOCAL__REDIS_PORT",
    "door": "SANTRAL_DOOR__PORT",
    "console": "SANTRAL_CONSOLE__PORT",
}


def free_port() -> int:
    """Return a free port of loopback, a different one at each call."""
    while len(_chosen_before) < len(_PORTS):
        port = _PORTS[secrets.randbelow(len(_PORTS))]
        if port in _chosen_before:
            continue
        _chosen_before.add(port)
        if is_free(port):
            return port
    raise Unavailable(f"no port from {_PORTS.start} to {_PORTS.stop} is free: stop something")


def is_free(port: int) -> bool:
    """Say whether a server can listen on this port of loopback now."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            server.bind(("127.0.0.1", port))
            return True
    return False


def choose_ports(settings: Settings, choice: Choice) -> Ports:
    """Return the ports of this start; raise Unavailable with every one that is taken.

    `auto` takes free ports and writes them into the home, where later starts find them. A setting
    that differs from its default overrides a remembered port; 0 takes a free port for this start.
    """
    chosen = _configured_ports(settings)
    path = settings.home_path / "ports.json"
    remembered = _remembered(path)
    for name, port in _configured_ports(Settings()).items():
        if chosen[name] == port and name in remembered:
            chosen[name] = remembered[name]
    if choice == "auto":
        chosen = {
            name: port if port and is_free(port) else free_port() for name, port in chosen.items()
        }
        path.write_text(json.dumps(chosen) + "\n")
    ports = Ports(**{name: port or free_port() for name, port in chosen.items()})
    _check_free(ports)
    return ports


def _configured_ports(settings: Settings) -> dict[str, int]:
    return {
        "kafka": settings.local.kafka_port,
        "controller": settings.local.controller_port,
        "redis": settings.local.redis_port,
        "door": settings.door.port,
        "console": settings.console.port,
    }


def _remembered(path: Path) -> dict[str, int]:
    """Return the ports that an earlier `--ports auto` chose."""
    try:
        stored = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return {n: p for n, p in stored.items() if n in _NAMES} if isinstance(stored, dict) else {}


def _check_free(ports: Ports) -> None:
    taken = {name: port for name, port in asdict(ports).items() if not is_free(port)}
    if taken:
        listed = ", ".join(f"port {port} ({_NAMES[name]})" for name, port in taken.items())
        variables = " ".join(f"{_VARIABLES[name]}=0" for name in taken)
        raise Unavailable(
            f"in use: {listed}. Stop what uses them (`ss -ltnp` shows it), or start on free ports, "
            f'which the home then remembers:\n  make run ARGS="--ports auto"\nor for this once:\n'
            f"  {variables} make run"
        )
