"""The web chat's WebSocket, with a receipt for each line once Kafka has it.

The widget connects, intake/accept.py publishes each line, and the replies come from
chat_replies.py.

    the page sends hello {session?, key?, after?}    the door session {session, key, resumed}
    the page sends message {id, text}                the door accepted {id, message}
                                                     or retry {id, after}
    the door sends reply {id, text, agent, at}       the page seen {id}
    the page sends anything else                     the door error {code, text}
"""

import asyncio
import contextlib
import math
import secrets
from dataclasses import dataclass, field

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from ingest.channel import Delivery
from ingest.channels import chat
from ingest.door.chat_replies import ChatReplies
from ingest.intake.accept import Ingest
from runtime import metrics, trace
from runtime.http import server
from runtime.http.guard import Stranger, stranger
from runtime.log import get
from schemas import topics
from schemas.base import derived_id
from schemas.errors import Rejected, Retry
from schemas.outcome import Outcome

log = get(__name__)

_LINE_WINDOW_S = 60.0  # the limit of lines by session is for a minute
_SESSION_PAUSE_S = 30  # a person types slower than the limit, a script waits
_UNKNOWN_ORIGIN, _TOO_MANY_CHATS = 4403, 1013  # codes of a closed WebSocket


@dataclass
class Visit:
    """One connection of a visitor.

    `last` is the id of the newest reply that the page has, and `shown` are the ids of the replies
    that it reported. `lines` counts the lines since `window_start_s`.
    """

    socket: WebSocket
    ingest: Ingest
    replies: ChatReplies
    account: str
    settings: chat.Account
    sender: Stranger
    session: str = ""
    name: str = ""
    email: str = ""
    last: str | None = None
    lines: int = 0
    window_start_s: float = 0.0
    shown: set[str] = field(default_factory=set)

    @property
    def conversation(self) -> str:
        """The conversation of this session."""
        brand = self.settings.brand or self.ingest.brand
        return chat.conversation_of(brand, self.session)


class ChatDoor:
    """The chats of a process."""

    def __init__(self, ingest: Ingest, replies: ChatReplies) -> None:
        self._ingest, self._replies = ingest, replies
        self._open = 0

    async def serve(self, socket: WebSocket, account: str, settings: chat.Account) -> None:
        """Talk to one visitor until they leave."""
        origin = socket.headers.get("origin")
        if settings.origins and origin not in settings.origins:
            reason = "this site is not among the account's origins"
            await socket.close(code=_UNKNOWN_ORIGIN, reason=reason)
            return
        sender = stranger(socket)
        if not sender.guard.chats.take(sender.address):
            reason = "too many chats are open: try again later"
            await socket.close(code=_TOO_MANY_CHATS, reason=reason)
            return
        self._count(1)
        try:
            await _talk(Visit(socket, self._ingest, self._replies, account, settings, sender))
        finally:
            sender.guard.chats.give(sender.address)
            self._count(-1)
            with contextlib.suppress(RuntimeError, ConnectionError, WebSocketDisconnect):
                await socket.close()

    def _count(self, change: int) -> None:
        self._open += change
        metrics.gauge("santral_chat_sessions_open", self._open)


async def _talk(visit: Visit) -> None:
    """Greet the visitor, then take their lines and push replies until they leave."""
    try:
        await visit.socket.accept()
        async with asyncio.timeout(visit.sender.guard.limits.chat_hello.total_seconds()):
            await _greet(visit)
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


async def _send(visit: Visit, **fields: object) -> None:
    """Send a frame with these fields."""
    await visit.socket.send_text(msgspec.json.encode(fields).decode())


async def _receive(visit: Visit) -> chat.Frame:
    """Return the next frame; answer a malformed one with an error and skip it."""
    while True:
        data = await visit.socket.receive()
        if data["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(data.get("code", 1000))
        try:
            return chat.decode_frame(data.get("text") or data.get("bytes") or b"")
        except Rejected as error:
            await _send(visit, type="error", code=error.code, text=error.text)


async def _greet(visit: Visit) -> None:
    """Open a new session or resume one, as the page's first valid frame asks."""
    secret = visit.ingest.signing_key
    while not visit.session:
        frame = await _receive(visit)
        if not isinstance(frame, chat.Hello):
            await _send(visit, type="error", code="chat.bad_session", text="say hello first")
            continue
        resumed = bool(
            frame.session
            and server.matches_token(frame.key, chat.session_key(secret, frame.session))
        )
        if frame.session and not resumed:
            await _send(visit, type="error", code="chat.bad_session", text="a new session begins")
        visit.session = frame.session if resumed and frame.session else secrets.token_hex(16)
        visit.name, visit.email = frame.name, frame.email
        visit.last = frame.after if resumed else None
        key = chat.session_key(secret, visit.session)
        await _send(
            visit,
            type="session",
            session=visit.session,
            key=key,
            resumed=resumed,
            conversation=visit.conversation,
        )


async def _read(visit: Visit) -> None:
    """Take each line of the visitor, and each report of a shown reply."""
    while True:
        frame = await _receive(visit)
        if isinstance(frame, chat.ChatLine):
            await _take_line(visit, frame)
        elif isinstance(frame, chat.ReplyShown) and frame.id not in visit.shown:
            visit.shown.add(frame.id)
            await _record_shown(visit, frame.id)


async def _take_line(visit: Visit, line: chat.ChatLine) -> None:
    """Publish a line and answer with its message, or with the seconds until it may come again."""
    clock = visit.ingest.clock
    if clock.monotonic() - visit.window_start_s > _LINE_WINDOW_S:
        visit.window_start_s, visit.lines = clock.monotonic(), 0
    wait_s = count_line(visit)
    if wait_s:
        await _send(visit, type="retry", id=line.id, after=wait_s, text="too many lines")
        return
    stored = chat.ArchivedChatLine(
        session=visit.session, line=line, name=visit.name, email=visit.email
    )
    delivery = Delivery(
        raw=msgspec.json.encode(stored),
        account=visit.account,
        received_at=clock.now(),
        traceparent=trace.start(),
    )
    try:
        message = await visit.ingest.publish_or_refuse(chat.Chat(), delivery, visit.settings)
    except Retry as error:
        await _send(visit, type="retry", id=line.id, after=error.after, text=str(error))
    except Rejected as error:
        await _send(visit, type="error", id=line.id, code=error.code, text=error.text)
    else:
        # Without a message there is a dead letter: the line is kept and need not come again.
        identifier = message.id if message else ""
        await _send(visit, type="accepted", id=line.id, message=identifier)


def count_line(visit: Visit) -> float:
    """Count a line; return the seconds until the door takes it, 0 where it takes it now."""
    guard = visit.sender.guard
    visit.lines += 1
    if visit.lines > guard.limits.chat_lines_by_session:
        return _SESSION_PAUSE_S
    wait_s = guard.lines_by_address.take(visit.sender.address) or guard.lines.take("")
    return math.ceil(wait_s)


async def _push(visit: Visit) -> None:
    """Send the replies that the page does not have, then each new one."""
    event = visit.replies.listen(visit.conversation)
    try:
        while True:
            event.clear()
            for reply in visit.replies.after(visit.conversation, visit.last):
                visit.last = reply.id
                await _send(
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


async def _record_shown(visit: Visit, identifier: str) -> None:
    """Publish that the page shows a reply; a repeated report gives the same outcome."""
    replies = visit.replies.after(visit.conversation, None)
    reply = next((reply for reply in replies if reply.id == identifier), None)
    if reply is None:
        visit.shown.discard(identifier)
        return
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
