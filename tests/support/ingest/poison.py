"""Channels whose parsers fail in every possible way, and the parser process that has them.

A pool starts `python -m tests.support.ingest.poison` in place of the product's own process.
"""

import ctypes
import os
import signal
import sys
import threading
from typing import Literal

from ingest.channel import Context, Delivery, HintKind, Parsed, build_message
from ingest.parser_pool.worker import serve
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Party

COMMAND = (sys.executable, "-m", "tests.support.ingest.poison")
"""The command of a parser process with these channels."""

NAMES = ("poison", "email")
"""The channel fails under its own name, and as if it were the mail channel's parser."""


class PoisonAccount(Record, frozen=True, kw_only=True):
    """An account with a brand."""

    brand: str = ""


class Poison:
    """A channel whose deliveries name their parser's failure; any other word is a message."""

    way: Literal["push", "pull"] = "push"
    account = PoisonAccount
    hint_kind: HintKind = "none"
    takes = "words"
    ignores = "nothing"

    def __init__(self, name: str = "poison") -> None:
        self.name = name

    def parse(self, delivery: Delivery, context: Context[PoisonAccount]) -> Parsed:
        """Return a message, or fail as told by the delivery's last word."""
        word = delivery.raw.split()[-1]
        if word == b"loops":
            while True:
                pass
        if word == b"waits":
            threading.Event().wait()
        if word == b"eats":
            blocks = []
            while True:
                blocks.append(bytearray(10_000_000))
        if word == b"raises":
            raise KeyError("words of a customer")
        if word == b"recurses":
            return self.parse(delivery, context)
        if word == b"refuses":
            raise Rejected("json.invalid", "as told")
        if word == b"dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == b"crashes":
            ctypes.string_at(0)
        if word == b"prints":
            sys.stdout.write("noise on the standard output\n")
            sys.stdout.flush()
        if word == b"lies":
            os.write(4, b"\0\0\0\2\xc1\xc1")  # the descriptor of its answers
        text = delivery.raw.decode()
        text = text if word != b"surrogates" else "\ud800"
        result = build_message(
            self.name,
            delivery,
            context,
            native_id=text.encode("utf-8", "replace").hex(),
            root=text,
            kind="form",
            sender=Party(name="Ada"),
            text=text,
        )
        return Parsed(message=result, files=(delivery.raw,) if word == b"filed" else ())


if __name__ == "__main__":
    serve({name: Poison(name) for name in NAMES}, sys.argv[1:])
