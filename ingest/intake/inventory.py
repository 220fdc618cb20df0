"""Lists what every source holds now, for the ledger.

workers/store/ledger.py compares these positions with the accepted ones.
"""

import asyncio
from collections.abc import Mapping

from ingest.accounts import configured_accounts
from ingest.registry import CHANNELS
from ingest.source import ListsInventory, PullChannel, SourceContext
from ingest.sources.state_folder import StateFolder
from runtime.clock import SystemClock
from runtime.log import get
from runtime.settings.structs import Settings

log = get(__name__)

_LISTING_TIMEOUT_S = 20.0  # a mailbox of 100,000 mails is listed in a few seconds


async def inventories(settings: Settings) -> Mapping[str, list[str] | None]:
    """Return the positions of each source by its name, or None for one that fails to answer."""
    state = StateFolder(settings.home_path)
    context = SourceContext(
        now=SystemClock().now,
        pause=asyncio.sleep,
        warn=log.warning,
        report_pass=lambda _source: None,
        load_state=state.load,
    )
    sources = {
        f"{name}:{account}": channel.source(account, account_settings, context)
        for name, accounts in configured_accounts(settings).items()
        if isinstance(channel := CHANNELS[name], PullChannel)
        for account, account_settings in accounts.items()
        if channel.pulls(account_settings)
    }
    listing = {name: s for name, s in sources.items() if isinstance(s, ListsInventory)}
    positions = await asyncio.gather(*(_positions(name, s) for name, s in listing.items()))
    return dict(zip(listing, positions, strict=True))


async def _positions(name: str, source: ListsInventory) -> list[str] | None:
    """Return the positions of one source, or None when it fails; the others still answer."""
    try:
        async with asyncio.timeout(_LISTING_TIMEOUT_S):
            return [position async for position in source.inventory()]
    except Exception as error:  # noqa: BLE001 - logged here, and `held` is null in the ledger
        log.warning("inventory.away", source=name, why=type(error).__name__)
        return None
