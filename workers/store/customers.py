"""Customers: a graph of handles, grown by evidence, never merged for good.

Before: the recorder wrote which handles messages name, and what people said of pairs of them.
After: the Customer page, the Message page and the API. Precision first: showing a stranger's
conversations costs privacy. So
- one and the same handle is one customer, on every channel of a brand;
- two handles are one customer's when the source of one message vouches for both, or a person says
  so; a person's word counts before any source's, the newest word of all;
- what somebody typed or wrote into a text is a proposal with its message, and nothing more.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from runtime.bus.publisher import Publisher
from runtime.clock import Clock
from schemas import topics
from schemas.errors import Rejected
from schemas.http_api.bodies import ConversationOut, CustomerOut, HandleOut, LinkIn, ProposalOut
from schemas.state.link import Link, ordered, pair
from schemas.text.masking import mask_personal_numbers

_MOST_HANDLES = 50
_MOST_CONVERSATIONS = 200
CONVERSATION = "conversation:"

_link = msgspec.json.Decoder(Link)


@dataclass
class _Graph:
    """What is known of the handles reached so far."""

    connection: Connection
    brand: str
    said: dict[tuple[str, str], Link] = field(default_factory=dict)

    def said_of(self, node: str) -> list[Link]:
        """Return the newest word of people on each pair with a node."""
        rows = self.connection.execute(
            text("SELECT body FROM links WHERE a = :n OR b = :n ORDER BY at_ms"), {"n": node}
        )
        newest = {
            (told.a, told.b): told
            for told in map(_link.decode, (r[0] for r in rows))
            if told.brand == self.brand
        }
        self.said |= newest
        return list(newest.values())

    def vouched(self, node: str) -> list[tuple[str, str]]:
        """Return the handles that a source gave together with a node, each with the message."""
        rows = self.connection.execute(
            text(
                "SELECT b.node, min(b.message) FROM handles a JOIN handles b "
                "ON a.message = b.message WHERE a.node = :n AND a.brand = :brand "
                "AND a.said_by = 'source' AND b.said_by = 'source' AND b.node <> :n "
                "GROUP BY b.node ORDER BY b.node LIMIT :most"
            ),
            {"n": node, "brand": self.brand, "most": _MOST_HANDLES},
        )
        return [(str(name), str(message)) for name, message in rows]


def customer(connection: Connection, brand: str, begin: Iterable[str]) -> CustomerOut:
    """Return the customer that these handles (or conversations) belong to."""
    graph = _Graph(connection, brand)
    handles: dict[str, HandleOut] = {n: HandleOut(node=n, how="given") for n in begin}
    left = deque(handles)
    while left and len(handles) < _MOST_HANDLES:
        at = left.popleft()
        for told in graph.said_of(at):
            other = told.b if told.a == at else told.a
            if told.status == "linked" and other not in handles:
                handles[other] = HandleOut(
                    node=other,
                    how="person",
                    of=at,
                    message=told.message,
                    agent=told.agent,
                    reason=told.reason,
                    at=told.at,
                )
                left.append(other)
        if at.startswith(CONVERSATION):
            continue
        for other, message in graph.vouched(at):
            word = graph.said.get(ordered(at, other))
            if other not in handles and (word is None or word.status == "linked"):
                handles[other] = HandleOut(node=other, how="source", of=at, message=message)
                left.append(other)
    return CustomerOut(
        brand=brand,
        handles=tuple(handles.values()),
        conversations=tuple(_conversations(connection, brand, handles)),
        proposals=tuple(_proposals(graph, handles)),
    )


def _conversations(
    connection: Connection, brand: str, handles: Iterable[str]
) -> list[ConversationOut]:
    """Return the conversations in which one of the handles wrote, the newest first."""
    found: dict[str, tuple[str, int, int, int]] = {}
    for one in handles:
        if one.startswith(CONVERSATION):
            where, value = "m.conversation = :v", one.removeprefix(CONVERSATION)
        else:
            where, value = (
                (
                    "m.id IN (SELECT message FROM handles WHERE node = :v AND said_by <> 'text' "
                    "AND brand = :brand)"
                ),
                one,
            )
        rows = connection.execute(
            text(
                "SELECT m.conversation, m.channel, min(m.received_ms), max(m.received_ms), "
                f"count(*) FROM messages m WHERE m.brand = :brand AND {where} "
                "GROUP BY m.conversation, m.channel ORDER BY max(m.received_ms) DESC LIMIT :most"
            ),
            {"v": value, "brand": brand, "most": _MOST_CONVERSATIONS},
        )
        for conversation, channel, first, last, count in rows:
            held = found.get(conversation)
            if held is None or count > held[3]:
                found[conversation] = (channel, int(first), int(last), int(count))
    newest = sorted(found.items(), key=lambda item: (-item[1][2], item[0]))[:_MOST_CONVERSATIONS]
    return [_conversation(connection, name, *told) for name, told in newest]


def _conversation(
    connection: Connection, name: str, channel: str, first: int, last: int, count: int
) -> ConversationOut:
    row = connection.execute(
        text(
            "SELECT m.id, m.subject, d.department FROM messages m LEFT JOIN decisions d "
            "ON d.message = m.id AND d.hops = "
            "(SELECT max(hops) FROM decisions WHERE message = m.id) "
            "WHERE m.conversation = :c ORDER BY m.received_ms DESC LIMIT 1"
        ),
        {"c": name},
    ).one()
    return ConversationOut(
        conversation=name,
        channel=channel,
        first_ms=first,
        last_ms=last,
        messages=count,
        newest=str(row[0]),
        subject=str(row[1]),
        department=row[2],
    )


def _proposals(graph: _Graph, handles: dict[str, HandleOut]) -> list[ProposalOut]:
    """Return what may be the same customer's: typed beside one of the handles, or named in a text
    of theirs and known from elsewhere. What people spoke of is proposed no more."""
    made: dict[str, ProposalOut] = {}
    for one in handles:
        if one.startswith(CONVERSATION):
            continue
        rows = graph.connection.execute(
            text(
                "SELECT b.node, b.said_by, min(b.message) FROM handles a JOIN handles b "
                "ON a.message = b.message WHERE a.node = :n AND a.brand = :brand "
                "AND a.said_by <> 'text' AND b.node <> :n GROUP BY b.node, b.said_by "
                "ORDER BY b.node, b.said_by LIMIT :most"
            ),
            {"n": one, "brand": graph.brand, "most": _MOST_HANDLES},
        )
        for other, how, message in rows:
            if other in handles or other in made or ordered(one, other) in graph.said:
                continue
            if how == "text" and not _known(graph, other):
                continue
            made[other] = ProposalOut(node=other, of=one, how=how, message=message)
    return list(made.values())


def _known(graph: _Graph, node: str) -> bool:
    """Whether somebody wrote by that handle."""
    return (
        graph.connection.execute(
            text(
                "SELECT 1 FROM handles WHERE node = :n AND brand = :brand AND said_by <> 'text' "
                "LIMIT 1"
            ),
            {"n": node, "brand": graph.brand},
        ).first()
        is not None
    )


def of_message(connection: Connection, identifier: str) -> CustomerOut | None:
    """Return the customer who wrote a message; None when it names none or is not recorded."""
    rows: Any = connection.execute(
        text(
            "SELECT h.node, h.brand, h.conversation FROM handles h WHERE h.message = :m "
            "AND h.said_by <> 'text' ORDER BY h.node"
        ),
        {"m": identifier},
    ).all()
    if not rows:
        return None
    # What was typed together is not yet one customer: the first handle is who wrote.
    begin = [str(rows[0][0]), CONVERSATION + str(rows[0][2])]
    return customer(connection, str(rows[0][1]), begin)


def with_clear_nodes(connection: Connection, asked: LinkIn) -> LinkIn:
    """Return the request with its masked nodes replaced by the unmasked ones.

    Looks them up among the handles of the sender of `message`; raises Rejected for any other.
    """
    if "*" not in asked.a + asked.b:
        return asked
    customer = of_message(connection, asked.message) if asked.message else None
    if customer is None:
        raise Rejected(
            "json.invalid", "a masked handle needs the message that shows it - at `$.message`"
        )
    return msgspec.structs.replace(
        asked, a=clear_node(customer, asked.a), b=clear_node(customer, asked.b)
    )


def clear_node(customer: CustomerOut, node: str) -> str:
    """Return the unmasked node of a perhaps masked one; raise Rejected if several fit."""
    nodes = {h.node for h in customer.handles} | {
        n for p in customer.proposals for n in (p.node, p.of)
    }
    if "*" not in node or node in nodes:
        return node
    fitting = [n for n in nodes if mask_personal_numbers(n) == node]
    if len(fitting) != 1:
        raise Rejected("json.invalid", f"{len(fitting)} handles look like {node!r}")
    return fitting[0]


async def say(asked: LinkIn, publisher: Publisher, clock: Clock) -> Link:
    """Write down that two handles are, or are not, one customer's."""
    if asked.a == asked.b:
        raise Rejected("json.invalid", "a handle is itself - at `$.b`")
    identifier, a, b = pair(asked.brand, asked.a, asked.b)
    link = Link(
        id=identifier,
        brand=asked.brand,
        a=a,
        b=b,
        status=asked.status,
        message=asked.message,
        reason=asked.reason,
        agent=asked.agent,
        at=clock.now().astimezone(UTC),
    )
    await publisher.publish(topics.LINKS, link, source="santral/console")
    return link
