"""Forgets conversations in which nothing has happened for long: their states become tombstones.

Before: loop.py calls it at every turn. After: once an hour, conversations.v1 and the memory lose
what is older than `forget_after`.
"""

from datetime import datetime, timedelta

import msgspec

from router.membership import Membership
from router.record_decision import STEP
from router.state import Conversations
from router.transaction import Transactions
from runtime.clock import Clock
from runtime.health.faults import guard
from runtime.health.progress import Progress
from runtime.log import get
from schemas import topics
from schemas.state.conversation import ConversationState, expired

log = get(__name__)

_INTERVAL = timedelta(hours=1)
_BATCH_RECORDS = 5000


class Forgetting:
    """The hourly sweep over the states of the partitions that this router owns."""

    def __init__(
        self,
        states: Conversations,
        membership: Membership,
        transactions: Transactions,
        clock: Clock,
        after: timedelta,
    ) -> None:
        self._states, self._membership, self._transactions = states, membership, transactions
        self._clock, self._after = clock, after
        self._swept_at = clock.now()

    def sweep(self, progress: Progress) -> None:
        """Forget what is old, if the last sweep is an hour ago; raise KafkaException."""
        now = self._clock.now()
        if now - self._swept_at < _INTERVAL:
            return
        self._swept_at = now
        for partition in self._membership.numbers():
            old = [
                key
                for key, value in self._states.items(partition)
                if _is_expired(value, now, self._after)
            ]
            for first in range(0, len(old), _BATCH_RECORDS):
                progress.count_turn()
                self._forget(partition, old[first : first + _BATCH_RECORDS])

    def _forget(self, partition: int, conversations: list[str]) -> None:
        # The offsets change nothing, but the broker refuses them from a process that lost the
        # partition, and the tombstones with them.
        offsets = self._membership.offsets(partition)
        self._transactions.begin(self._membership.consumer, offsets)
        for key in conversations:
            self._transactions.produce(
                topics.CONVERSATIONS.name, None, key.encode(), None, partition
            )
        self._transactions.commit()
        self._states.commit({(partition, key): None for key in conversations})
        log.info("state.forgotten", partition=partition, conversations=len(conversations))


def _is_expired(value: bytes, now: datetime, after: timedelta) -> bool:
    """Say whether to forget a state; a state that does not decode is useless too."""
    with guard(log, STEP):
        return expired(msgspec.json.decode(value, type=ConversationState), now, after)
    return True
