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

_LONG_POLL_S = 25  # Telegram answers an empty poll after this time, well before `timeout`
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
                updates = await self._updates(client, offset)
                numbers = [_number_of(update) for update in updates]
                for update, number in zip(updates, numbers, strict=True):
                    for raw in _deliveries(bytes(update), number):
                        await accept(self._delivery(raw))
                    offset = offset if number is None else number + 1
                if updates and all(number is None for number in numbers):
                    # Only a number confirms updates, and Telegram would repeat them at once.
                    raise Retry(OUTAGE_S, "Telegram sent only updates without a number")
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


def _number_of(update: msgspec.Raw) -> int | None:
    """Return the number of an update, None for an unreadable one."""
    try:
        return decode_json(wire.UpdateNumber, update).update_id
    except Rejected:
        return None


def _deliveries(update: bytes, number: int | None) -> tuple[bytes, ...]:
    """Return the messages of an update, or the update itself without a number.

    The parser rejects such an update with its fault, and its bytes become a dead letter.
    """
    return (update,) if number is None else select_update(update).deliveries
