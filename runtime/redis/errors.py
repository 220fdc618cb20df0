"""The family `AWAY` of Redis errors that concern the server and not the call.

client.py passes each error reply of a server. A caller catches `AWAY`, waits and tries again. A bug
of ours, such as WRONGTYPE, stays a ResponseError outside the family.
"""

import re

from redis.exceptions import ConnectionError as RedisDown
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisSlow

from schemas.errors import ERROR_TEXT_LIMIT

ADVICE = {
    "READONLY": "it is a replica; a failover runs, or `[redis]` names the wrong server",
    "OOM": "its memory is full; raise `maxmemory`",
    "MISCONF": "it can't save to its disk; free space, or see its log",
    "LOADING": "it loads its data after a start",
    "NOREPLICAS": "fewer replicas follow it than `min-replicas-to-write` asks for",
    "MASTERDOWN": "it is a replica without its primary",
    "CLUSTERDOWN": "its cluster is down; Santral needs a server outside a cluster",
    "TRYAGAIN": "its cluster moves keys; Santral needs a server outside a cluster",
    "NOAUTH": "it asks for a password; set it in `[redis] url`",
    "WRONGPASS": "it refuses the user or password of `[redis] url`",
    "NOPERM": "the user of `[redis] url` may not run this command; give it `~santral:* +@all`",
    "DENIED": "it refuses this address; see its `protected-mode`",
    "BUSY": "another program's script occupies it",
    "UNBLOCKED": "it changed its role",
    "CONNECT": "it refuses the connection; see `[redis] url`",
    "NOPRIMARY": "no server of `[redis]` is the primary now",
}
"""The words of server errors that pass by themselves or by an operator's act, and that act."""

_WORD = re.compile(rf"(?:^|[: ]-?)({'|'.join(ADVICE)})\b")
_WRAPPERS = ("Error running script", "Transaction discarded")
"""How servers before Redis 7 begin an error of a script, and all begin one of a transaction."""


class RedisAway(RedisDown):  # type: ignore[misc]  # redis-py's classes are untyped here
    """Redis answers, but can't serve now; `code` is a key of `ADVICE`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail or ADVICE[code]}")
        self.code = code


AWAY = (RedisDown, RedisSlow, NoScriptError, OSError)
"""The errors after which the same call succeeds later; the answer to a caller is Retry."""


def outage_code(error: BaseException) -> str | None:
    """Return the word of an error reply that concerns the server, None for any other error.

    It reads the replies of Redis 6 and 7 and of Valkey 9, also those from inside a script.
    """
    if isinstance(error, RedisAway):
        return error.code
    if not isinstance(error, RedisError):
        return None
    text = str(error)
    word = getattr(error, "status_code", None) or text.partition(" ")[0]
    if word in ADVICE:
        return str(word)
    if text.startswith(_WRAPPERS) and (match := _WORD.search(text)):
        return match[1]
    if text.startswith("Script killed by user"):
        return "BUSY"
    return "NOPERM" if text.startswith("ACL failure in script") else None


def is_away(error: BaseException) -> bool:
    """Say whether an error of Redis is an outage."""
    if isinstance(error, (RedisDown, RedisSlow, NoScriptError)):
        return True
    return isinstance(error, ResponseError) and outage_code(error) is not None


def summary(error: BaseException) -> str:
    """Return an outage in one sentence, without the command's arguments."""
    if isinstance(error, RedisAway):
        return str(error)
    if code := outage_code(error):
        return f"{code}: {ADVICE[code]}"
    detail = "" if isinstance(error, ResponseError) else f": {str(error)[:ERROR_TEXT_LIMIT]}"
    return f"{type(error).__name__}{detail}"
