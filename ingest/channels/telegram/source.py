"""Long polling: getUpdates with an offset, which confirms an update only after Kafka has it."""

import httpx2
import msgspec

from ingest.channel import Delivery
from ingest.channels.telegram import wire
from ingest.channels.telegram.account import Account
from ingest.channels.telegram.updates import MESSAGE_UPDATES, select_update
from ingest.parsing.json_values import decode_json
from ingest.source import Accept, CursorStore, SourceContext
from schemas.delays import OUTAGE_S, RECONNECT_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry

_LONG_POLL_S = 25  # Telegram answers an empty poll after so long, well before `timeout`
_MAX_UPDATES = 100  # getUpdates allows no more


class UpdatesSource:
    """The updates of one bot. Telegram keeps an update until it is confirmed, for a day."""

    patient = True

    def __init__(self, account: str, settings: Account, context: SourceContext) -> None:
        self._account, self._settings, self._context = account, settings, context

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Poll for ever; raise Retry when Telegram does not answer."""
        offset = 0
        timeout = self._settings.timeout.total_seconds()
        async with httpx2.AsyncClient(timeout=timeout) as client:
            while True:
                for update in await self._updates(client, offset):
                    number = decode_json(wire.UpdateNumber, update).update_id
                    for raw in select_update(bytes(update)).deliveries:
                        await accept(self._delivery(raw))
                    offset = number + 1
                self._context.report_pass(f"telegram:{self._account}")

    def _delivery(self, raw: bytes) -> Delivery:
        return Delivery(raw=raw, account=self._account, received_at=self._context.now())

    async def _updates(self, client: httpx2.AsyncClient, offset: int) -> tuple[msgspec.Raw, ...]:
        query: dict[str, object] = {
            "timeout": _LONG_POLL_S,
            "limit": _MAX_UPDATES,
            "allowed_updates": MESSAGE_UPDATES,
        }
        if offset:
            query["offset"] = offset
        url = f"{self._settings.api}/bot{self._settings.token}/getUpdates"
        try:
            response = await client.post(url, json=query)
            updates = decode_json(wire.UpdatesResponse, response.content)
        except httpx2.HTTPError as error:
            text = f"Telegram does not answer: {type(error).__name__}"
            raise Retry(RECONNECT_S, text) from error
        except Rejected as error:
            raise Retry(OUTAGE_S, f"Telegram answered {response.status_code}, no JSON") from error
        if not updates.ok:
            after = float((updates.parameters or {}).get("retry_after") or OUTAGE_S)
            reason = updates.description[:ERROR_TEXT_LIMIT]
            raise Retry(after, f"Telegram refused getUpdates: {reason}")
        return updates.result
