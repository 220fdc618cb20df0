"""Runs the Lua scripts of the desk's queue, and raises the errors that their answers name."""

from collections.abc import Awaitable, Callable, Sequence

from redis.asyncio import Redis

from schemas.delays import NEIGHBOUR_S
from schemas.errors import Rejected, Retry
from workers.desk_queue.agent_scripts import AGENT_SCRIPTS
from workers.desk_queue.feed_scripts import FEED_SCRIPTS
from workers.desk_queue.reply_scripts import REPLY_SCRIPTS
from workers.desk_queue.script_answers import Answer, groups, number_of, stored_bytes_of, text_of
from workers.desk_queue.script_chunks import Argument
from workers.desk_queue.values import (
    AlreadyClosed,
    ItemClosing,
    ItemUnknown,
    LeaseLost,
    RedisBehind,
    ShownMessage,
)

PREFIX = "santral:lines:"


class ScriptRunner:
    """The scripts of one client of Redis."""

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._scripts: dict[str, Callable[..., Awaitable[Answer]]] = {
            name: redis.register_script(script)
            for name, script in (AGENT_SCRIPTS | REPLY_SCRIPTS | FEED_SCRIPTS).items()
        }

    async def run(self, script: str, *args: Argument, keys: Sequence[str] = ()) -> Answer:
        """Run a script; raise the error that its status names, else return the other values."""
        answer = await self._scripts[script](keys=[PREFIX, *keys], args=args)
        status = text_of(answer[0])
        if status == "rebuild":
            raise Retry(NEIGHBOUR_S, "the desk is being rebuilt from Kafka")
        if status == "checking":
            raise Retry(NEIGHBOUR_S, "the desk compares Redis with Kafka")
        if status == "closed":
            raise AlreadyClosed(text_of(answer[1]))
        if status == "lost":
            raise LeaseLost("the lease is no longer valid: claim again")
        if status == "unknown":
            raise ItemUnknown("no such item waits: it was finished, moved, or never was")
        if status == "closing":
            raise ItemClosing(_closing_text(text_of(answer[1])))
        if status == "full":
            raise Rejected("reply.too_many")
        if status == "behind":
            raise RedisBehind(str(args[0]), number_of(answer[1]))
        return answer[1:]


def _closing_text(verb: str) -> str:
    return (
        f"the item is being closed ({verb}): repeat exactly that if you got no answer, or claim "
        "another item"
    )


def shown_messages(flat: Answer) -> tuple[ShownMessage, ...]:
    """Return the messages of an item, as the scripts list them."""
    return tuple(
        ShownMessage(
            message=text_of(message),
            hops=number_of(hops),
            partition=number_of(partition),
            offset=number_of(offset),
            body=stored_bytes_of(body),
        )
        for message, hops, partition, offset, body in groups(flat, 5)
    )
