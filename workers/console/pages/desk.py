"""The page Desk: a department's line, the item that a person holds, and the actions on it.

A person with the right to personal numbers enters the personal token, and each view is recorded.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from runtime.http import server
from runtime.http.guard import stranger
from runtime.redis.errors import AWAY
from schemas.errors import Rejected, Retry
from schemas.http_api.bodies import ClaimIn, Item, LeaseIn, MoveIn, ReplyIn
from workers.console import session
from workers.console.api import ConsoleApi
from workers.console.pages.forms import count_items, read_form
from workers.console.pages.renderer import Renderer, outage_fragment
from workers.console.texts import Texts
from workers.desk_queue.values import ItemClosing, ItemUnknown, LeaseLost


@dataclass(frozen=True, kw_only=True)
class _Submission:
    """A form that a person sent for the item they hold."""

    request: Request
    department: str
    item: str
    form: Mapping[str, str]
    texts: Texts

    @property
    def lease(self) -> str:
        """The lease that the page holds."""
        return self.form.get("lease", "")

    @property
    def key(self) -> str:
        """The Idempotency-Key of the form, so that a form sent twice is one reply."""
        return self.form.get("key", "")

    @property
    def text(self) -> str:
        """The reply as the person typed it."""
        return self.form.get("text", "")


@dataclass(frozen=True, kw_only=True)
class _View:
    """The parts of the page that differ from answer to answer.

    `draft` names the item and the lease of a text whose item can't be shown now. `key` is the
    Idempotency-Key of an answer that may have to be sent again.
    """

    item: Item | None = None
    note: str = ""
    text: str = ""
    personal: bool = False
    status: int = 200
    draft: Mapping[str, str] | None = None
    key: str = ""


async def _read_submission(request: Request) -> _Submission:
    return _Submission(
        request=request,
        department=request.path_params["department"],
        item=request.path_params["item"],
        form=await read_form(request),
        texts=Texts(session.language(request)),
    )


class DeskPages:
    """The endpoints of the page."""

    def __init__(self, api: ConsoleApi, renderer: Renderer) -> None:
        self._api, self._renderer = api, renderer
        self._actions = {
            "reply": self._reply,
            "complete": self._complete,
            "release": self._release,
            "reroute": self._reroute,
            "escalate": self._escalate,
            "reveal": self._reveal,
        }

    async def desks(self, request: Request) -> Response:
        """GET the departments."""
        counts = await count_items(self._api)
        status = 503 if counts is None else 200
        return self._renderer.render(request, "desks.html", status, counts=counts)

    async def desk(self, request: Request) -> Response:
        """GET a department's desk; POST to claim its next item."""
        department = request.path_params["department"]
        if department not in self._api.settings.departments:
            return self._renderer.not_found(request)
        if request.method != "POST":
            return await self._render(request, department, _View())
        texts = Texts(session.language(request))
        person = session.person(request, self._api.settings) or "?"
        try:
            claimed = await self._api.desk.claim(department, ClaimIn(agent=person))
        except (Retry, *AWAY):
            return await self._render(request, department, _View(note=texts.desk_away, status=503))
        item = claimed.items[0] if claimed.items else None
        note = "" if item else texts.queue_empty
        return await self._render(request, department, _View(item=item, note=note))

    async def heartbeat(self, request: Request) -> Response:
        """POST from the open page, to keep its lease."""
        sent = await _read_submission(request)
        try:
            done = await self._api.desk.heartbeat(sent.item, LeaseIn(lease=sent.lease))
        except ItemClosing:
            return HTMLResponse(f"<strong>{sent.texts.item_closing}</strong>")
        except (LeaseLost, ItemUnknown):
            return HTMLResponse(f"<strong>{sent.texts.lease_lost}</strong>")
        except (Retry, *AWAY):
            return outage_fragment(request)
        assert done.lease_until is not None
        return HTMLResponse(f"{sent.texts.lease_until} {done.lease_until:%H:%M:%S} UTC")

    async def act(self, request: Request) -> Response:
        """POST an action on the item: reply, complete, release, reroute, escalate or reveal."""
        action = self._actions.get(request.path_params["verb"])
        if action is None:
            return self._renderer.not_found(request)
        sent = await _read_submission(request)
        try:
            return await action(sent)
        except ItemClosing:
            return await self._show_again(
                sent, _View(note=sent.texts.item_closing, text=sent.text, key=sent.key)
            )
        except (LeaseLost, ItemUnknown):
            return await self._render(request, sent.department, _View(note=sent.texts.lease_lost))
        except Rejected as error:
            return await self._show_again(sent, _View(note=error.text, text=sent.text))
        except (Retry, *AWAY):
            view = _View(note=sent.texts.desk_away, text=sent.text, status=503, key=sent.key)
            return await self._show_again(sent, view)

    async def _reply(self, sent: _Submission) -> Response:
        body = ReplyIn(
            lease=sent.lease,
            text=sent.text.strip(),
            allow_new_participant=sent.form.get("allow") == "yes",
        )
        if not body.text:
            raise Rejected("json.invalid", sent.texts.reply_text)
        await self._api.desk.reply(sent.item, body, key=sent.key)
        if sent.form.get("then") != "complete":
            return await self._show_again(sent, _View(note=sent.texts.reply_sent))
        await self._api.desk.complete(sent.item, LeaseIn(lease=sent.lease))
        return await self._show_done(sent)

    async def _complete(self, sent: _Submission) -> Response:
        await self._api.desk.complete(sent.item, _lease_body(sent))
        return await self._show_done(sent)

    async def _release(self, sent: _Submission) -> Response:
        await self._api.desk.release(sent.item, _lease_body(sent))
        return await self._show_done(sent)

    async def _reroute(self, sent: _Submission) -> Response:
        await self._api.desk.reroute(sent.item, _move_body(sent))
        return await self._show_done(sent)

    async def _escalate(self, sent: _Submission) -> Response:
        await self._api.desk.escalate(sent.item, _move_body(sent))
        return await self._show_done(sent)

    async def _reveal(self, sent: _Submission) -> Response:
        """Show the item with its personal numbers, if the person sent the personal token."""
        may_see = server.matches_token(
            sent.form.get("token", ""), self._api.settings.tokens.personal
        )
        if not may_see and (wait := stranger(sent.request).failed()):
            return server.too_many_attempts(wait)
        note = "" if may_see else sent.texts.personal_refused
        return await self._show_again(sent, _View(note=note, text=sent.text, personal=may_see))

    async def _show_done(self, sent: _Submission) -> Response:
        """Show the line after the item left the person's hands."""
        return await self._render(sent.request, sent.department, _View(note=sent.texts.done))

    async def _show_again(self, sent: _Submission, view: _View) -> Response:
        """Show the item again with the person's entries, so that no text is lost."""
        item, note, status, draft = None, view.note, view.status, None
        try:
            item = await self._api.desk.show(sent.item, sent.lease, personal=view.personal)
        except (LeaseLost, ItemUnknown):
            pass
        except (Retry, *AWAY):
            status, note = 503, note or sent.texts.desk_away
            draft = {"item": sent.item, "lease": sent.lease} if view.text else None
        view = _View(
            item=item,
            note=note,
            text=view.text,
            personal=view.personal,
            status=status,
            draft=draft,
            key=view.key,
        )
        return await self._render(sent.request, sent.department, view)

    async def _render(self, request: Request, department: str, view: _View) -> Response:
        waiting, note, status = None, view.note, view.status
        try:
            waiting = (await self._api.desk.desk_queue.count_items(department))[0]
        except AWAY:
            status, note = 503, note or Texts(session.language(request)).desk_away
        return self._renderer.render(
            request,
            "desk.html",
            status,
            department=department,
            note=note,
            waiting=waiting,
            clear={"item": view.item, "text": view.text, "draft": view.draft},
            may_reveal=bool(self._api.settings.tokens.personal) and not view.personal,
            key=view.key or secrets.token_urlsafe(16),
            now=self._api.desk.clock.now(),
            lease_s=int(self._api.settings.desk.lease.total_seconds()),
        )


def _lease_body(sent: _Submission) -> LeaseIn:
    return LeaseIn(lease=sent.lease, note=sent.form.get("note", ""))


def _move_body(sent: _Submission) -> MoveIn:
    return MoveIn(
        lease=sent.lease,
        reason=sent.form.get("reason", "").strip() or "-",
        department=sent.form.get("to") or None,
    )
