"""Forgets conversations that were quiet for `forget_after`; their states become tombstones.

loop.py calls it at every turn. Once an hour, conversations.v1 and the memory lose these states.
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
"""Tombstones in one transaction, which then ends long before its timeout."""


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
        """Forget the expired states, if the last sweep is an hour ago; raise KafkaException."""
        now = self._clock.now()
        if now - self._swept_at < _INTERVAL:
            return
        self._swept_at = now
        for partition in self._membership.numbers():
            expired_ids = [
                conversation
                for conversation, value in self._states.items(partition)
                if _is_expired(value, now, self._after)
            ]
            for first in range(0, len(expired_ids), _BATCH_RECORDS):
                progress.count_turn()
                self._forget(partition, expired_ids[first : first + _BATCH_RECORDS])

    def _forget(self, partition: int, conversations: list[str]) -> None:
        # Sending unchanged offsets makes the broker refuse the tombstones of a process that has
        # lost the partition.
        offsets = self._membership.offsets(partition)
        self._transactions.begin(self._membership.consumer, offsets)
        for conversation in conversations:
            self._transactions.produce(
                topics.CONVERSATIONS.name, None, conversation.encode(), None, partition
            )
        self._transactions.commit()
        self._states.commit({(partition, conversation): None for conversation in conversations})
        log.info("state.forgotten", partition=partition, conversations=len(conversations))


def _is_expired(value: bytes, now: datetime, after: timedelta) -> bool:
    """Say whether to forget a state; a state that does not decode is useless too."""
    with guard(log, STEP):
        return expired(msgspec.json.decode(value, type=ConversationState), now, after)
    return True
