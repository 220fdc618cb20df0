"""Link, a person's statement that two handles are one customer's, or that they are not.

The console writes it, with one message as evidence, and the store makes customers of the links
(workers/store/customers.py). No merge is final, because the newest link of a pair counts. Pure.
"""

from typing import Annotated, Literal, get_args

import msgspec

from schemas.base import Id, Record, Time, derived_id, open_list
from schemas.message import Handle

Node = Annotated[str, msgspec.Meta(pattern="^[a-z_]+:.", max_length=600)]
"""A handle as a node: kind, colon, value in lower case; `conversation:ID` for a conversation."""


Verdict = Literal["linked", "unlinked"]
VERDICTS: frozenset[str] = frozenset(get_args(Verdict))
"""The verdicts that this version knows. A link with another one leaves the earlier verdict."""


class Link(Record, frozen=True, kw_only=True):
    """A person's statement on two nodes of a brand, with `message` as evidence.

    `a` comes before `b` in the order of their letters, and `id` is made of both.
    """

    id: Id
    brand: str
    a: Node
    b: Node
    status: Annotated[str, open_list(VERDICTS)]
    message: Id | None = None
    reason: str = ""
    agent: str
    at: Time


def node(handle: Handle) -> str:
    """Return a handle as a link has it: `kind:value`, the value without differences of case."""
    return f"{handle.kind}:{handle.value.casefold()}"


def ordered(first: str, second: str) -> tuple[str, str]:
    """Return two nodes in the order in which a link has them."""
    return (first, second) if first < second else (second, first)


def pair(brand: str, first: str, second: str) -> tuple[str, str, str]:
    """Return the id of a link and its two nodes in their order."""
    a, b = ordered(first, second)
    return derived_id("link", brand, a, b), a, b
