"""Customers: a graph of handles that evidence connects and people can take apart again.

Showing a stranger's conversations costs privacy, so precision comes first.
- One handle is one customer, on every channel of a brand.
- Two handles are one customer's if the source of one message vouches for both, or if a person says
  so. A person's newest verdict counts before any source.
- Handles that somebody typed, or wrote into a text, are only a proposal that names its message.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, text

from runtime.bus.publisher import Publisher
from runtime.clock import Clock
from schemas import topics
from schemas.errors import Rejected
from schemas.http_api.bodies import ConversationOut, CustomerOut, HandleOut, LinkIn, ProposalOut
from schemas.state.link import VERDICTS, Link, ordered, pair
from schemas.text.masking import mask_personal_numbers

_MAX_HANDLES = 50
"""A customer with more handles is most likely a shared one, such as a reception desk."""
_MAX_CONVERSATIONS = 200
CONVERSATION = "conversation:"
"""The prefix of a conversation's node."""

_link = msgspec.json.Decoder(Link)


@dataclass
class _HandleGraph:
    """The edges of the graph around the handles that were reached."""

    connection: Connection
    brand: str
    verdicts: dict[tuple[str, str], Link] = field(default_factory=dict)

    def read_verdicts(self, node: str) -> list[Link]:
        """Return the newest verdict of people on each pair with a node, and remember them."""
        rows = self.connection.execute(
            text("SELECT body FROM links WHERE a = :n OR b = :n ORDER BY at_ms"), {"n": node}
        )
        newest = {
            (link.a, link.b): link
            for link in (_link.decode(row[0]) for row in rows)
            if link.brand == self.brand and link.status in VERDICTS
        }
        self.verdicts |= newest
        return list(newest.values())

    def vouched_handles(self, node: str) -> list[tuple[str, str]]:
        """Return the handles that a source gave together with a node, each with its message."""
        rows = self.connection.execute(
            text(
                "SELECT b.node, min(b.message) FROM handles a JOIN handles b "
                "ON a.message = b.message WHERE a.node = :n AND a.brand = :brand "
                "AND a.said_by = 'source' AND b.said_by = 'source' AND b.node <> :n "
                "GROUP BY b.node ORDER BY b.node LIMIT :limit"
            ),
            {"n": node, "brand": self.brand, "limit": _MAX_HANDLES},
        )
        return [(str(name), str(message)) for name, message in rows]

    def has_sender(self, node: str) -> bool:
        """Say whether somebody wrote by a handle."""
        row = self.connection.execute(
            text(
                "SELECT 1 FROM handles WHERE node = :n AND brand = :brand AND said_by <> 'text' "
                "LIMIT 1"
            ),
            {"n": node, "brand": self.brand},
        ).first()
        return row is not None


def customer(connection: Connection, brand: str, begin: Iterable[str]) -> CustomerOut:
    """Return the customer to whom these handles (or conversations) belong."""
    graph = _HandleGraph(connection, brand)
    handles = _connected_handles(graph, begin)
    return CustomerOut(
        brand=brand,
        handles=tuple(handles.values()),
        conversations=tuple(_conversations(connection, brand, handles)),
        proposals=tuple(_proposals(graph, handles)),
    )


def _connected_handles(graph: _HandleGraph, begin: Iterable[str]) -> dict[str, HandleOut]:
    """Return the handles that can be reached, each with the evidence for its edge."""
    handles: dict[str, HandleOut] = {n: HandleOut(node=n, how="given") for n in begin}
    left = deque(handles)
    while left and len(handles) < _MAX_HANDLES:
        node = left.popleft()
        for handle in [*_linked_by_people(graph, node), *_linked_by_sources(graph, node)]:
            if handle.node not in handles:
                handles[handle.node] = handle
                left.append(handle.node)
    return handles


def _linked_by_people(graph: _HandleGraph, node: str) -> list[HandleOut]:
    return [
        HandleOut(
            node=link.b if link.a == node else link.a,
            how="person",
            of=node,
            message=link.message,
            agent=link.agent,
            reason=link.reason,
            at=link.at,
        )
        for link in graph.read_verdicts(node)
        if link.status == "linked"
    ]


def _linked_by_sources(graph: _HandleGraph, node: str) -> list[HandleOut]:
    """Return the handles that a source vouches for and no person unlinked."""
    if node.startswith(CONVERSATION):
        return []
    handles = []
    for other, message in graph.vouched_handles(node):
        verdict = graph.verdicts.get(ordered(node, other))
        if verdict is None or verdict.status == "linked":
            handles.append(HandleOut(node=other, how="source", of=node, message=message))
    return handles


class _Span(NamedTuple):
    """A customer's messages in one conversation, with times in milliseconds since 1970."""

    channel: str
    first_ms: int
    last_ms: int
    messages: int


def _conversations(
    connection: Connection, brand: str, handles: Iterable[str]
) -> list[ConversationOut]:
    """Return the conversations in which one of the handles wrote, the newest first."""
    spans: dict[str, _Span] = {}
    for handle in handles:
        for conversation, span in _spans_of(connection, brand, handle):
            best = spans.get(conversation)
            if best is None or span.messages > best.messages:
                spans[conversation] = span
    newest = sorted(spans.items(), key=lambda item: (-item[1].last_ms, item[0]))
    return [_conversation(connection, name, span) for name, span in newest[:_MAX_CONVERSATIONS]]


def _spans_of(connection: Connection, brand: str, handle: str) -> list[tuple[str, _Span]]:
    """Return the conversations of one handle."""
    where = (
        "m.id IN (SELECT message FROM handles WHERE node = :v AND said_by <> 'text' "
        "AND brand = :brand)"
    )
    if handle.startswith(CONVERSATION):
        where, handle = "m.conversation = :v", handle.removeprefix(CONVERSATION)
    rows = connection.execute(
        text(
            "SELECT m.conversation, m.channel, min(m.received_ms), max(m.received_ms), "
            f"count(*) FROM messages m WHERE m.brand = :brand AND {where} "
            "GROUP BY m.conversation, m.channel ORDER BY max(m.received_ms) DESC LIMIT :limit"
        ),
        {"v": handle, "brand": brand, "limit": _MAX_CONVERSATIONS},
    )
    return [
        (str(conversation), _Span(str(channel), int(first), int(last), int(count)))
        for conversation, channel, first, last, count in rows
    ]


def _conversation(connection: Connection, name: str, span: _Span) -> ConversationOut:
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
        channel=span.channel,
        first_ms=span.first_ms,
        last_ms=span.last_ms,
        messages=span.messages,
        newest=str(row[0]),
        subject=str(row[1]),
        department=row[2],
    )


def _proposals(graph: _HandleGraph, handles: dict[str, HandleOut]) -> list[ProposalOut]:
    """Return the handles that may be the same customer's.

    Somebody typed them beside one of the handles, or wrote them into a text and they have messages
    of their own. A pair on which people gave a verdict is not proposed again.
    """
    proposals: dict[str, ProposalOut] = {}
    for handle in handles:
        if handle.startswith(CONVERSATION):
            continue
        rows = graph.connection.execute(
            text(
                "SELECT b.node, b.said_by, min(b.message) FROM handles a JOIN handles b "
                "ON a.message = b.message WHERE a.node = :n AND a.brand = :brand "
                "AND a.said_by <> 'text' AND b.node <> :n GROUP BY b.node, b.said_by "
                "ORDER BY b.node, b.said_by LIMIT :limit"
            ),
            {"n": handle, "brand": graph.brand, "limit": _MAX_HANDLES},
        )
        for other, how, message in rows:
            is_settled = ordered(handle, other) in graph.verdicts
            if other in handles or other in proposals or is_settled:
                continue
            if how == "text" and not graph.has_sender(other):
                continue
            proposals[other] = ProposalOut(node=other, of=handle, how=how, message=message)
    return list(proposals.values())


def of_message(connection: Connection, identifier: str) -> CustomerOut | None:
    """Return the customer who wrote a message, or None if it names no sender or is unknown."""
    rows = connection.execute(
        text(
            "SELECT h.node, h.brand, h.conversation FROM handles h WHERE h.message = :m "
            "AND h.said_by <> 'text' ORDER BY h.node"
        ),
        {"m": identifier},
    ).all()
    if not rows:
        return None
    # Handles typed together are not linked yet; the first one is the author.
    begin = [str(rows[0][0]), CONVERSATION + str(rows[0][2])]
    return customer(connection, str(rows[0][1]), begin)


def with_clear_nodes(connection: Connection, verdict: LinkIn) -> LinkIn:
    """Return the verdict with its masked nodes replaced by the unmasked ones.

    Looks them up among the handles of the sender of `message`; raises Rejected for any other.
    """
    if "*" not in verdict.a + verdict.b:
        return verdict
    sender = of_message(connection, verdict.message) if verdict.message else None
    if sender is None:
        raise Rejected(
            "json.invalid", "a masked handle needs the message that shows it - at `$.message`"
        )
    return msgspec.structs.replace(
        verdict, a=clear_node(sender, verdict.a), b=clear_node(sender, verdict.b)
    )


def clear_node(customer: CustomerOut, node: str) -> str:
    """Return the unmasked node of a perhaps masked one; raise Rejected if several fit."""
    nodes = {handle.node for handle in customer.handles} | {
        name for proposal in customer.proposals for name in (proposal.node, proposal.of)
    }
    if "*" not in node or node in nodes:
        return node
    fitting = [name for name in nodes if mask_personal_numbers(name) == node]
    if len(fitting) != 1:
        raise Rejected("json.invalid", f"{len(fitting)} handles look like {node!r}")
    return fitting[0]


async def record_link(verdict: LinkIn, publisher: Publisher, clock: Clock) -> Link:
    """Record a person's verdict that two handles are, or are not, one customer's."""
    if verdict.a == verdict.b:
        raise Rejected("json.invalid", "the two handles are the same - at `$.b`")
    identifier, a, b = pair(verdict.brand, verdict.a, verdict.b)
    link = Link(
        id=identifier,
        brand=verdict.brand,
        a=a,
        b=b,
        status=verdict.status,
        message=verdict.message,
        reason=verdict.reason,
        agent=verdict.agent,
        at=clock.now().astimezone(UTC),
    )
    await publisher.publish(topics.LINKS, link, source="santral/console")
    return link
