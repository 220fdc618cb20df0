"""access.json, which has the addresses and tokens of a running local profile.

The supervisor writes it once all ports are chosen, and gives the same values to each stage.
Commands find a running profile by it.
"""

import json
import secrets
from pathlib import Path

import msgspec

from cli.up.ports import Ports
from runtime.settings.structs import Settings
from schemas.base import Record


class Access(Record, frozen=True, kw_only=True):
    """The addresses and tokens of one profile; `ops` has each stage's address of /metrics."""

    door: str
    console: str
    kafka: str
    redis: str
    store: str
    tokens: dict[str, str]
    ops: dict[str, str]

    def environ(self) -> dict[str, str]:
        """Return the variables that give a stage these addresses and tokens."""
        return {
            "SANTRAL_KAFKA__BOOTSTRAP": self.kafka,
            "SANTRAL_REDIS__URL": self.redis,
            "SANTRAL_STORE__URL": self.store,
            "SANTRAL_DOOR__PORT": self.door.rpartition(":")[2],
            "SANTRAL_DOOR__DESK_URL": self.console,
            "SANTRAL_CONSOLE__PORT": self.console.rpartition(":")[2],
            "SANTRAL_CONSOLE__DOOR_URL": self.door,
            **{f"SANTRAL_TOKENS__{name.upper()}": token for name, token in self.tokens.items()},
        }

    def save(self, path: Path) -> None:
        """Write the file, readable by its owner alone, in one step."""
        unfinished = path.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(msgspec.to_builtins(self), indent=2) + "\n")
        unfinished.replace(path)


def make_access(settings: Settings, ports: Ports) -> Access:
    """Return the addresses on these ports, with the tokens of the settings or new ones."""
    tokens = {
        "door": settings.tokens.door,
        "desk": settings.tokens.desk,
        "console": settings.tokens.console,
    }
    return Access(
        door=f"http://127.0.0.1:{ports.door}",
        console=f"http://127.0.0.1:{ports.console}",
        kafka=f"127.0.0.1:{ports.kafka}",
        redis=f"redis://127.0.0.1:{ports.redis}/0",
        store=settings.store_url,
        tokens={
            name: token or f"{name}_{secrets.token_urlsafe(24)}" for name, token in tokens.items()
        },
        ops={},
    )
