"""What every source that can tell holds now, for the ledger.

Before: the settings' accounts. After: workers/ledger.py compares.
"""

import asyncio
import functools
from collections.abc import Mapping

from ingest.channel import Listing, PullChannel, Tools
from ingest.registry import CHANNELS
from ingest.run import accounts, kept
from runtime.clock import SystemClock
from runtime.log import get
from runtime.settings import Settings

log = get(__name__)


async def inventories(settings: Settings) -> Mapping[str, list[str]]:
    """Return the positions each pulled source holds, by the source's name."""
    tools = Tools(
        now=SystemClock().now, pause=asyncio.sleep, warn=log.warning, polled=lambda _source: None,
        kept=functools.partial(kept, settings.home_path / "secrets"),
    )  # fmt: skip
    found: dict[str, list[str]] = {}
    for name, table in accounts(settings).items():
        channel = CHANNELS[name]
        if not isinstance(channel, PullChannel):
            continue
        for account, told in table.items():
            if channel.pulls(told):
                source = channel.source(account, told, tools)
                if isinstance(source, Listing):
                    found[f"{name}:{account}"] = [p async for p in source.inventory()]
    return found
