"""The web chat's WebSocket: one connection, its frames in and out, receipts after Kafka's ack.

Before: the widget connects. After: accept publishes each line; replies.v1 comes back to the page.

    page: hello {session?, key?, after?}    door: session {session, key, resumed}
    page: message {id, text}                door: accepted {id, message} | retry {id, after}
    door: reply {id, text, agent, at}       page: seen {id}
    anything else                           door: error {code, text}
"""

import asyncio
import contextlib
import math
import secrets
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from ingest.channel import Delivery
from ingest.channels import chat
from ingest.door.chat_replies import Replies
from ingest.intake.accept import Ingest
from runtime import metrics, trace
from runtime.http import server
from runtime.http.guard import Stranger, stranger
from runtime.log import get
from schemas import topics
from schemas.base import derived_id
from schemas.errors import Rejected, Retry
from schemas.outcome import Outcome, Reply

log = get(__name__)

_open = 0


@dataclass
class Visit:
    """One connection of a visitor."""

    socket: WebSocket
    ingest: Ingest
    replies: Replies
    account: str
    settings: chat.Account
    sender: Stranger
    session: str = ""
    name: str = ""
    email: str = ""
    last: str | None = None
    lines: int = 0
    since: float = 0.0
    seen: set[str] = field(default_factory=set)

    @property
    def conversation(self) -> str:
        """The conversation of this session."""
        brand = self.settings.brand or self.ingest.context.brand
        return chat.conversation_of(brand, self.session)


async def serve(
    socket: WebSocket, ingest: Ingest, replies: Replies, account: str, settings: chat.Account
) -> None:
    """Talk to one visitor until they leave."""
    global _open
    origin = socket.headers.get("origin")
    if settings.origins and origin not in settings.origins:
        await socket.close(code=4403, reason="this site is not among the account's origins")
        return
    sender = stranger(socket)
    if not sender.guard.chats.take(sender.address):
        await socket.close(code=1013, reason="too many chats are open: try again later")
        return
    _open += 1
    metrics.gauge("santral_chat_sessions_open", _open)
    visit = Visit(socket, ingest, replies, account, settings, sender)
    try:
        await socket.accept()
        async with asyncio.timeout(sender.guard.limits.chat_hello.total_seconds()):
            await _hello(visit)
        async with asyncio.TaskGroup() as group:
            pushing = group.create_task(_push(visit))
            try:
                await _read(visit)
            finally:
                pushing.cancel()
    except* (WebSocketDisconnect, ConnectionError):
        pass  # leaving is how a visit ends
    except* TimeoutError:
        metrics.count("santral_callers_refused_total", reason="chat_hello")
    finally:
        sender.guard.chats.give(sender.address)
        _open -= 1
        metrics.gauge("santral_chat_sessions_open", _open)
        with contextlib.suppress(RuntimeError, ConnectionError, WebSocketDisconnect):
            await socket.close()


async def _say(visit: Visit, **fields: Any) -> None:
    await visit.socket.send_text(msgspec.json.encode(fields).decode())


async def _frame(visit: Visit) -> chat.Frame:
    """Return the next frame; a broken one is answered with an error and passed over."""
    while True:
        data = await visit.socket.receive()
        if data["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(data.get("code", 1000))
        try:
            return chat.frame(data.get("text") or data.get("bytes") or b"")
        except Rejected as error:
            await _say(visit, type="error", code=error.code, text=error.text)


async def _hello(visit: Visit) -> None:
    secret = visit.ingest.context.signing_key
    while not visit.session:
        frame = await _frame(visit)
        if not isinstance(frame, chat.Hello):
            await _say(visit, type="error", code="chat.bad_session", text="say hello first")
            continue
        resumed = bool(
            frame.session and server.same(frame.key, chat.session_key(secret, frame.session))
        )
        if frame.session and not resumed:
            await _say(visit, type="error", code="chat.bad_session", text="a new session begins")
        visit.session = frame.session if resumed and frame.session else secrets.token_hex(16)
        visit.name, visit.email = frame.name, frame.email
        visit.last = frame.after if resumed else None
        key = chat.session_key(secret, visit.session)
        await _say(
            visit,
            type="session",
            session=visit.session,
            key=key,
            resumed=resumed,
            conversation=visit.conversation,
        )


async def _read(visit: Visit) -> None:
    while True:
        frame = await _frame(visit)
        if isinstance(frame, chat.Line):
            await _line(visit, frame)
        elif isinstance(frame, chat.Seen) and frame.id not in visit.seen:
            visit.seen.add(frame.id)
            await _seen(visit, frame.id)


async def _line(visit: Visit, line: chat.Line) -> None:
    clock = visit.ingest.clock
    if clock.monotonic() - visit.since > 60:
        visit.since, visit.lines = clock.monotonic(), 0
    wait = wait_of(visit)
    if wait:
        # A person types slower. A faster script has to wait, and loses nothing.
        await _say(visit, type="retry", id=line.id, after=wait, text="too many lines")
        return
    stored = chat.Stored(session=visit.session, line=line, name=visit.name, email=visit.email)
    delivery = Delivery(
        raw=msgspec.json.encode(stored),
        account=visit.account,
        received_at=clock.now(),
        traceparent=trace.start(),
    )
    try:
        message = await visit.ingest.publish_or_refuse(chat.Chat(), delivery, visit.settings)
    except Retry as error:
        await _say(visit, type="retry", id=line.id, after=error.after, text=str(error))
    except Rejected as error:
        await _say(visit, type="error", id=line.id, code=error.code, text=error.text)
    else:
        # Without a message there is a dead letter: the line is kept and need not come again.
        identifier = message.id if message else ""
        await _say(visit, type="accepted", id=line.id, message=identifier)


def wait_of(visit: Visit) -> float:
    """Return the seconds until the visit's next line is taken; 0 takes it."""
    guard = visit.sender.guard
    visit.lines += 1
    if visit.lines > guard.limits.chat_lines_by_session:
        return 30
    wait = guard.lines_by_address.take(visit.sender.address) or guard.lines.take("")
    return math.ceil(wait)


async def _push(visit: Visit) -> None:
    """Send what waits, then whatever comes."""
    event = visit.replies.listen(visit.conversation)
    try:
        while True:
            event.clear()
            for reply in visit.replies.after(visit.conversation, visit.last):
                visit.last = reply.id
                await _say(
                    visit,
                    type="reply",
                    id=reply.id,
                    text=reply.text,
                    agent=reply.agent,
                    kind=reply.kind,
                    at=reply.at.isoformat(),
                )
            await event.wait()
    finally:
        visit.replies.leave(visit.conversation, event)


async def _seen(visit: Visit, identifier: str) -> None:
    """Record that the visitor's page shows a reply; the same report twice is the same outcome."""
    found = [r for r in visit.replies.after(visit.conversation, None) if r.id == identifier]
    if not found:
        visit.seen.discard(identifier)
        return
    reply: Reply = found[0]
    outcome = Outcome(
        id=derived_id("outcome", reply.id, "delivered"),
        kind="delivered",
        brand=reply.brand,
        conversation=reply.conversation,
        item=reply.item,
        department=reply.department,
        messages=(reply.message,),
        at=visit.ingest.clock.now(),
        reply=reply.id,
    )
    with contextlib.suppress(Retry):  # the page reports it again when it comes back
        await visit.ingest.publisher.publish(topics.OUTCOMES, outcome, source="santral/door")
