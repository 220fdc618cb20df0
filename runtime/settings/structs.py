"""Settings: a Struct for each table of the settings file, with defaults, units and descriptions.

load.py reads the file into them, and every stage takes a Settings. docs/settings.md and
santral.example.toml show the descriptions.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from runtime.settings.limits import Limits
from runtime.settings.neighbours import Archive, Kafka, Redis, Scan, Store
from runtime.settings.servers import Console, Door, Listen, Local, MailDoor, Ops, Parsers, Tokens
from runtime.settings.work import Desk, Replies, Router, Shadow, Watch
from schemas.base import Record
from schemas.routing.departments import DEFAULT, Department

__all__ = [
    "Archive",
    "Console",
    "Desk",
    "Door",
    "Kafka",
    "Limits",
    "Listen",
    "Local",
    "MailDoor",
    "Ops",
    "Parsers",
    "Redis",
    "Replies",
    "Router",
    "Scan",
    "Settings",
    "Shadow",
    "Store",
    "Tokens",
    "Watch",
]


class Settings(Record, frozen=True, kw_only=True):
    """The settings of every stage."""

    home: Annotated[str, Meta(description="The folder of everything that this host keeps.")] = "var"
    brand: Annotated[str, Meta(description="The brand of messages whose account names none.")] = (
        "default"
    )
    log_level: Annotated[
        str, Meta(description="The lowest level of log events: debug, info, warning or error.")
    ] = "info"
    kafka: Kafka = Kafka()
    redis: Redis = Redis()
    store: Store = Store()
    archive: Archive = Archive()
    scan: Scan = Scan()
    parsers: Parsers = Parsers()
    door: Door = Door()
    mail_door: MailDoor = MailDoor()
    console: Console = Console()
    tokens: Tokens = Tokens()
    router: Router = Router()
    watch: Watch = Watch()
    desk: Desk = Desk()
    replies: Replies = Replies()
    limits: Limits = Limits()
    ops: Ops = Ops()
    local: Local = Local()
    departments: Annotated[
        dict[str, Department],
        Meta(description="The departments by name, in place of the default ones."),
    ] = msgspec.field(default_factory=lambda: dict(DEFAULT))
    channels: Annotated[
        dict[str, dict[str, Any]],
        Meta(description="The accounts of each channel; docs/channels/ has their settings."),
    ] = msgspec.field(default_factory=dict)
    actions: Annotated[
        dict[str, dict[str, Any]],
        Meta(description="The accounts that send answers; docs/channels/ has their settings."),
    ] = msgspec.field(default_factory=dict)

    @property
    def home_path(self) -> Path:
        """The folder under which everything local is kept."""
        return Path(self.home).absolute()

    @property
    def store_url(self) -> str:
        """The SQLAlchemy url of the store."""
        return self.store.url or f"sqlite:///{self.home_path / 'santral.db'}"

    @property
    def journal_path(self) -> Path:
        """The folder of deliveries that wait for Kafka, on this host's own disk."""
        return Path(self.archive.local or self.archive_path) / "pending"

    @property
    def archive_path(self) -> Path:
        """The folder of the archive; with a bucket, the local folder of what waits for it."""
        url = self.archive.url
        folder = self.archive.local if url.startswith("s3://") else url.removeprefix("file://")
        return Path(folder or self.home_path / "archive")
