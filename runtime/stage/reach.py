"""Checks that the servers of a command answer, before it makes a client, a folder or a file.

Each address gets one short try, and the answer comes at once. `Unavailable` has one sentence with
the remedy.
"""

import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from runtime.settings.redis_addresses import servers
from runtime.settings.structs import Settings
from schemas.errors import Unavailable

Need = Literal["Kafka", "Redis", "the store", "the door"]
_SQLITE = "sqlite:///"
_CONNECT_TIMEOUT_S = (
    0.7  # an address on loopback answers or refuses at once; others within a round trip
)


def check_running(settings: Settings, *needs: Need) -> None:
    """Raise Unavailable, with advice, when one of these does not answer."""
    missing = [need for need in needs if not is_reachable(settings, need)]
    if missing:
        addresses = ", ".join(f"{need} at {_address_of(settings, need)}" for need in missing)
        raise Unavailable(f"{_profile_state(settings)}: no answer from {addresses}. {ADVICE}")


ADVICE = "Start it with `make run`, or set SANTRAL_HOME to the folder of what runs."


def is_running(settings: Settings) -> bool:
    """Say whether a local profile has noted that it runs with this home."""
    return (settings.home_path / "access.json").is_file()


def _profile_state(settings: Settings) -> str:
    home = settings.home_path
    if is_running(settings):
        return f"a part of what runs with {home} is down"
    return f"nothing runs with {home}" + ("" if home.is_dir() else " (there is no such folder)")


def _address_of(settings: Settings, need: Need) -> str:
    if need == "the store":
        url = settings.store_url
        return url.removeprefix(_SQLITE) if url.startswith(_SQLITE) else _hosts(url)
    return ", ".join(_hosts(url) for url in _urls(settings, need))


def is_reachable(settings: Settings, need: Need) -> bool:
    """Say whether a server listens at an address, or whether a file has the store's tables."""
    if need == "the store" and settings.store_url.startswith(_SQLITE):
        return _has_tables(Path(settings.store_url.removeprefix(_SQLITE)))
    addresses = (address for url in _urls(settings, need) for address in _addresses(url))
    return any(_connects(host, port) for host, port in addresses)


def _urls(settings: Settings, need: Need) -> list[str]:
    return {
        "Kafka": [settings.kafka.bootstrap],
        "Redis": servers(settings.redis),
        "the store": [settings.store_url],
        "the door": [settings.console.door_url],
    }[need]


_PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379, "postgresql": 5432}


def _addresses(url: str) -> Iterator[tuple[str, int]]:
    """Yield the hosts and ports of a URL, or of a broker's list HOST:PORT,HOST:PORT."""
    scheme, separator, _ = url.partition("://")
    for each in [url] if separator else [f"//{address.strip()}" for address in url.split(",")]:
        parts = urlsplit(each)
        try:
            port = parts.port
        except ValueError:
            continue
        yield parts.hostname or "127.0.0.1", port or _PORTS.get(scheme.partition("+")[0], 9092)


def _hosts(url: str) -> str:
    return ",".join(f"{host}:{port}" for host, port in _addresses(url)) or url


def _connects(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT_S):
            return True
    except OSError:
        return False


def _has_tables(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
            return bool(
                store.execute("SELECT 1 FROM sqlite_master WHERE name = 'messages'").fetchone()
            )
    except sqlite3.Error:
        return False
