"""Settings: a Struct for each table of the settings file, with defaults, units and descriptions.

load.py reads the file into them, and every stage takes a Settings. docs/settings.md and
santral.example.toml show the descriptions.
"""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from runtime.settings.limits import LimitsSettings
from runtime.settings.neighbours import (
    ArchiveSettings,
    KafkaSettings,
    RedisSettings,
    ScanSettings,
    StoreSettings,
)
from runtime.settings.servers import (
    ConsoleSettings,
    DoorSettings,
    ListenSettings,
    LocalSettings,
    MailDoorSettings,
    OpsSettings,
    ParsersSettings,
    TokensSettings,
)
from runtime.settings.service_levels.tables import CalendarSettings, ServiceLevelSettings
from runtime.settings.work import (
    DeskSettings,
    RepliesSettings,
    RouterSettings,
    ShadowSettings,
    WatchSettings,
)
from schemas.base import Record
from schemas.routing.departments import DEFAULT, Department

__all__ = [
    "ArchiveSettings",
    "CalendarSettings",
    "ConsoleSettings",
    "DeskSettings",
    "DoorSettings",
    "KafkaSettings",
    "LimitsSettings",
    "ListenSettings",
    "LocalSettings",
    "MailDoorSettings",
    "OpsSettings",
    "ParsersSettings",
    "RedisSettings",
    "RepliesSettings",
    "RouterSettings",
    "ScanSettings",
    "ServiceLevelSettings",
    "Settings",
    "ShadowSettings",
    "StoreSettings",
    "TokensSettings",
    "WatchSettings",
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
    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    store: StoreSettings = StoreSettings()
    archive: ArchiveSettings = ArchiveSettings()
    scan: ScanSettings = ScanSettings()
    parsers: ParsersSettings = ParsersSettings()
    door: DoorSettings = DoorSettings()
    mail_door: MailDoorSettings = MailDoorSettings()
    console: ConsoleSettings = ConsoleSettings()
    tokens: TokensSettings = TokensSettings()
    router: RouterSettings = RouterSettings()
    watch: WatchSettings = WatchSettings()
    desk: DeskSettings = DeskSettings()
    replies: RepliesSettings = RepliesSettings()
    limits: LimitsSettings = LimitsSettings()
    ops: OpsSettings = OpsSettings()
    local: LocalSettings = LocalSettings()
    departments: Annotated[
        dict[str, Department],
        Meta(description="The departments by name, in place of the default ones."),
    ] = msgspec.field(default_factory=lambda: dict(DEFAULT))
    calendars: Annotated[
        dict[str, CalendarSettings],
        Meta(description="The calendars by name: the hours in which people work."),
    ] = msgspec.field(default_factory=dict)
    sla: Annotated[
        dict[str, ServiceLevelSettings],
        Meta(description="The service levels by name; a message gets the first that matches it."),
    ] = msgspec.field(default_factory=dict)
    channels: Annotated[
        dict[str, dict[str, object]],
        Meta(description="The accounts of each channel; docs/channels/ has their settings."),
    ] = msgspec.field(default_factory=dict)
    actions: Annotated[
        dict[str, dict[str, object]],
        Meta(description="The accounts that send answers; docs/channels/ has their settings."),
    ] = msgspec.field(default_factory=dict)

    def channel_accounts(self, channel: str) -> dict[str, dict[str, object]]:
        """Return the tables of a channel's accounts by name."""
        return _tables(self.channels.get(channel, {}))

    def action_accounts(self, action: str) -> dict[str, dict[str, object]]:
        """Return the tables of an action's accounts by name."""
        return _tables(self.actions.get(action, {}))

    @property
    def home_path(self) -> Path:
        """The folder under which everything local is kept."""
        return Path(self.home).absolute()

    @property
    def store_url(self) -> str:
        """The SQLAlchemy url of the store."""
        return self.store.url or f"sqlite:///{self.home_path / 'santral.db'}"

    @property
    def spool_path(self) -> Path:
        """The spool's folder, with deliveries that wait for Kafka, on this host's own disk."""
        return Path(self.archive.local or self.archive_path) / "pending"

    @property
    def archive_path(self) -> Path:
        """The folder of the archive; with a bucket, the local folder of what waits for it."""
        url = self.archive.url
        folder = self.archive.local if url.startswith("s3://") else url.removeprefix("file://")
        return Path(folder or self.home_path / "archive")


def _tables(accounts: dict[str, object]) -> dict[str, dict[str, object]]:
    """Return the accounts that are tables; load.py refuses the others."""
    return {name: table for name, table in accounts.items() if isinstance(table, dict)}
