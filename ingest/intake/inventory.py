"""What every source that can tell holds now, for the ledger.

Before: the settings' accounts. After: workers/store/ledger.py compares.
"""

import asyncio
import functools
from collections.abc import Mapping

from ingest.channel import Listing, PullChannel, Tools
from ingest.registry import CHANNELS
from ingest.run import accounts, kept
from runtime.clock import SystemClock
from runtime.log import get
from runtime.settings.structs import Settings

log = get(__name__)

_PATIENCE_S = 20.0  # a mailbox of 100,000 mails is listed in a few seconds


async def inventories(settings: Settings) -> Mapping[str, list[str] | None]:
    """Return the positions of each pulled source by its name, None for one that fails to answer."""
    tools = Tools(
        now=SystemClock().now,
        pause=asyncio.sleep,
        warn=log.warning,
        polled=lambda _source: None,
        kept=functools.partial(kept, settings.home_path / "secrets"),
    )
    sources = {
        f"{name}:{account}": channel.source(account, table_settings, tools)
        for name, table in accounts(settings).items()
        if isinstance(channel := CHANNELS[name], PullChannel)
        for account, table_settings in table.items()
        if channel.pulls(table_settings)
    }
    listing = {name: s for name, s in sources.items() if isinstance(s, Listing)}
    positions = await asyncio.gather(*(_positions(name, s) for name, s in listing.items()))
    return dict(zip(listing, positions, strict=True))


async def _positions(name: str, source: Listing) -> list[str] | None:
    """Return the positions of one source, or None when it fails; the others still answer."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return [position async for position in source.inventory()]
    except Exception as error:  # noqa: BLE001 - logged here, and `held` is null in the ledger
        log.warning("inventory.away", source=name, why=type(error).__name__)
        return None
