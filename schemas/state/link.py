"""Link: what a person says of two handles: they are one customer's, or they are not.

Before: the console writes it, for one message as evidence. After: the store; customers are made of
it (workers/store/customers.py). Nothing is merged for good: the newest word on a pair counts. Pure.
"""

from typing import Annotated, Literal

import msgspec

from schemas.base import Id, Record, Time, derived_id
from schemas.message import Handle

Node = Annotated[str, msgspec.Meta(pattern="^[a-z_]+:.", max_length=600)]
"""A handle as a node: kind, colon, value in lower case; `conversation:ID` for a conversation."""


class Link(Record, frozen=True, kw_only=True):
    """A person's word on two nodes of a brand: `linked` or `unlinked`; `message` is the evidence.

    `a` comes before `b` in the order of their letters, and `id` is made of both.
    """

    id: Id
    brand: str
    a: Node
    b: Node
    status: Literal["linked", "unlinked"]
    message: Id | None = None
    reason: str = ""
    agent: str
    at: Time


def node(handle: Handle) -> str:
    """Return a handle as a node."""
    return f"{handle.kind}:{handle.value.casefold()}"


def ordered(one: str, other: str) -> tuple[str, str]:
    """Return two nodes in the order in which a link has them."""
    return (one, other) if one < other else (other, one)


def pair(brand: str, one: str, other: str) -> tuple[str, str, str]:
    """Return the id of a link and its two nodes in their order."""
    a, b = ordered(one, other)
    return derived_id("link", brand, a, b), a, b
