"""The items in the agents' hands, with the answers and the draft of each.

Redis forgets the answers and the draft after a day. queue.py describes the keys.
"""

from hashlib import sha256
from typing import NamedTuple

from redis.asyncio import Redis

from workers.desk_queue.script_answers import groups, list_of, number_of, text_of
from workers.desk_queue.script_runner import PREFIX, ScriptRunner, shown_messages
from workers.desk_queue.values import ShownMessage

REPLIES_MS = 24 * 3600 * 1000
"""Redis remembers the answers of an item for a day after the last one. The sender recognises a
repeated reply for longer (REPLY_MEMORY of workers/sender/partition.py)."""
MAX_REPLIES = 500
"""More answers than a person writes to one item; they take 50 KiB."""
DRAFT_S = 24 * 3600
"""A text that was begun yesterday is still there after the night."""
MAX_LEASED = 100
"""A claim takes at most this many items, so a list of an agent's items is no longer."""


class LeasedItem(NamedTuple):
    """An item that an agent holds, and the time at which its lease ends."""

    item: str
    until_ms: int
    messages: tuple[ShownMessage, ...]


class LeasedItems:
    """The items in the agents' hands."""

    def __init__(self, redis: "Redis[bytes]", scripts: ScriptRunner) -> None:
        self._redis, self._scripts = redis, scripts

    async def find_lease(self, item: str, agent: str) -> tuple[str, str]:
        """Return the department and the lease of an item that the agent holds.

        Raises LeaseLost if the agent does not hold it, or ItemUnknown.
        """
        department, lease = await self._scripts.run("FIND_LEASE", item, agent)
        return text_of(department), text_of(lease)

    async def list_leased(self, department: str, agent: str) -> list[LeasedItem]:
        """Return the items of a department that the agent holds, the oldest lease first."""
        rest = await self._scripts.run("LIST_LEASED", department, agent, MAX_LEASED)
        return [
            LeasedItem(text_of(item), number_of(until), shown_messages(list_of(contents)))
            for item, until, contents in groups(rest, 3)
        ]

    async def begin_reply(self, item: str, name: str, digest: str) -> tuple[str, str]:
        """Remember an answer by its name, unless an earlier one of the item has that name.

        Return the digest and the outcome of the remembered one; the outcome is empty until
        `finish_reply`. Raises Rejected if the item has too many answers.
        """
        limits = (REPLIES_MS, MAX_REPLIES)
        answer = await self._scripts.run("BEGIN_REPLY", item, name, digest, *limits)
        stored, _, outcome = text_of(answer[0]).partition(" ")
        return stored or digest, outcome

    async def finish_reply(self, item: str, name: str, digest: str, outcome: str) -> None:
        """Remember the outcome of an answer that Kafka has."""
        await self._scripts.run("FINISH_REPLY", item, name, digest, REPLIES_MS, outcome)

    async def read_draft(self, item: str, agent: str) -> str:
        """Return the text that an agent began to write, or an empty one."""
        return (await self._redis.get(_draft_key(item, agent)) or b"").decode()

    async def keep_draft(self, item: str, agent: str, text: str) -> None:
        """Keep the text that an agent begins to write; an empty one forgets it."""
        if text:
            await self._redis.set(_draft_key(item, agent), text.encode(), ex=DRAFT_S)
        else:
            await self._redis.unlink(_draft_key(item, agent))


def _draft_key(item: str, agent: str) -> str:
    # A name may have any letters, and a key of fixed length takes little memory.
    return f"{PREFIX}draft:{item}:{sha256(agent.encode()).hexdigest()[:16]}"
