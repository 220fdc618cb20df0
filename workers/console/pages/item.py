"""The page of an item that a person holds, and the actions on it.

Each item has an address, so that a person can reload, leave and bookmark it. An action answers with
the way to the next address. A person with the right to personal numbers enters the personal token,
and each view is recorded.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from runtime.http import server
from runtime.http.guard import stranger
from runtime.redis.errors import AWAY
from schemas.errors import Rejected, Retry
from schemas.http_api.bodies import Item, LeaseIn, MoveIn, ReplyIn
from schemas.message import TEXT_LIMIT
from workers.console import session
from workers.console.api import ConsoleApi
from workers.console.pages.desk import DeskPages, item_address, line_address
from workers.console.pages.forms import read_form
from workers.console.pages.renderer import Renderer, outage_fragment
from workers.console.texts import Texts
from workers.desk_queue.values import ItemClosing, ItemUnknown, LeaseLost

_NOTES = ("reply_sent",)
"""The sentences that an address of this page may name."""

_SENTENCES = {
    "reply.repeated": "reply_repeated",
    "key.reused": "reply_form_used",
    "reply.no_server": "answer_no_server",
    "reply.no_address": "answer_no_address",
}
"""The key of the sentence for an error's code; the page shows the text of any other error."""


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
    def text(self) -> str:
        """The reply as the person typed it."""
        return self.form.get("text", "")

    @property
    def key(self) -> str:
        """The Idempotency-Key of the form, so that a form sent twice is one reply."""
        return self.form.get("key", "")


class _View(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of the page that differ from answer to answer.

    `draft` names the item and the lease of a text whose item can't be shown now. `key` is the
    Idempotency-Key of an answer that may have to be sent again.
    """

    note: str = ""
    is_alert: bool = False
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


class ItemPages:
    """The endpoints of the page."""

    def __init__(self, api: ConsoleApi, renderer: Renderer, line: DeskPages) -> None:
        self._api, self._renderer, self._line = api, renderer, line
        self._actions = {
            "reply": self._reply,
            "complete": self._complete,
            "release": self._release,
            "reroute": self._reroute,
            "escalate": self._escalate,
            "reveal": self._reveal,
        }

    async def item(self, request: Request) -> Response:
        """GET an item that the person holds."""
        department, item = request.path_params["department"], request.path_params["item"]
        if department not in self._api.settings.departments:
            return self._renderer.not_found(request)
        text = ""
        try:
            text = await self._read_draft(request, item)
            shown = await self._api.desk.show_leased(department, item, self._person(request))
        except (LeaseLost, ItemUnknown):
            return await self._line.show_line(
                request, department, "lease_lost", text=text, item=item, status=409
            )
        except (Retry, *AWAY):
            return await self._line.show_line(request, department, "desk_away", status=503)
        texts, note = Texts(session.language(request)), request.query_params.get("note", "")
        view = _View(note=texts[note] if note in _NOTES else "", text=text)
        return self._render(request, department, shown, view)

    async def past(self, request: Request) -> Response:
        """GET the address of a form, as after a change of the language: go to its item."""
        path = request.path_params
        return RedirectResponse(item_address(path["department"], path["item"]), 303)

    async def draft(self, request: Request) -> Response:
        """POST from the open page, to keep the text that the person is writing."""
        sent = await _read_submission(request)
        person, leases = self._person(request), self._api.desk.desk_queue.leases
        try:
            await leases.find_lease(sent.item, person)
            await leases.keep_draft(sent.item, person, sent.text[:TEXT_LIMIT])
        except (LeaseLost, ItemUnknown):
            return Response(status_code=204)
        except (Retry, *AWAY):
            return outage_fragment(request)
        return Response(status_code=204)

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
            view = _View(note=sent.texts.item_closing, text=sent.text, key=sent.key)
        except (LeaseLost, ItemUnknown):
            return await self._show_lost(sent)
        except Rejected as error:
            # The text is another answer when it is sent again, so it gets another key.
            key = "" if error.code in ("key.reused", "reply.repeated") else sent.key
            sentence = _SENTENCES.get(error.code)
            note = sent.texts[sentence] if sentence else error.text
            view = _View(note=note, is_alert=True, text=sent.text, key=key)
        except (Retry, *AWAY):
            view = _View(note=sent.texts.desk_away, text=sent.text, status=503, key=sent.key)
        return await self._show_again(sent, view)

    async def _reply(self, sent: _Submission) -> Response:
        text = sent.text.strip()
        if not text:
            view = _View(note=sent.texts.reply_empty, is_alert=True, key=sent.key)
            return await self._show_again(sent, view)
        may_answer = sent.form.get("allow") == "yes"
        body = ReplyIn(lease=sent.lease, text=text, allow_new_participant=may_answer)
        await self._api.desk.reply(sent.item, body, key=sent.key)
        await self._forget_draft(sent)
        if sent.form.get("then") != "complete":
            return RedirectResponse(item_address(sent.department, sent.item, "reply_sent"), 303)
        await self._api.desk.complete(sent.item, LeaseIn(lease=sent.lease))
        return _go_to_line(sent)

    async def _complete(self, sent: _Submission) -> Response:
        await self._api.desk.complete(sent.item, _lease_body(sent))
        return _go_to_line(sent)

    async def _release(self, sent: _Submission) -> Response:
        await self._api.desk.release(sent.item, _lease_body(sent))
        return _go_to_line(sent)

    async def _reroute(self, sent: _Submission) -> Response:
        await self._api.desk.reroute(sent.item, _move_body(sent))
        return _go_to_line(sent)

    async def _escalate(self, sent: _Submission) -> Response:
        await self._api.desk.escalate(sent.item, _move_body(sent))
        return _go_to_line(sent)

    async def _reveal(self, sent: _Submission) -> Response:
        """Show the item with its personal numbers, if the person sent the personal token."""
        may_see = server.matches_token(
            sent.form.get("token", ""), self._api.settings.tokens.personal
        )
        if not may_see and (wait := stranger(sent.request).failed()):
            return server.too_many_attempts(wait)
        note = "" if may_see else sent.texts.personal_refused
        text = sent.text or await self._read_draft(sent.request, sent.item)
        view = _View(note=note, is_alert=not may_see, text=text, personal=may_see)
        return await self._show_again(sent, view)

    async def _show_again(self, sent: _Submission, view: _View) -> Response:
        """Show the item again with the person's entries, so that no text is lost."""
        item = None
        try:
            item = await self._api.desk.show(sent.item, sent.lease, personal=view.personal)
        except (LeaseLost, ItemUnknown):
            return await self._show_lost(sent)
        except (Retry, *AWAY):
            draft = {"item": sent.item, "lease": sent.lease} if view.text else None
            note = view.note or sent.texts.desk_away
            view = msgspec.structs.replace(view, note=note, status=503, draft=draft)
        return self._render(sent.request, sent.department, item, view)

    async def _show_lost(self, sent: _Submission) -> Response:
        """Show the line and what the person wrote for an item that is no longer theirs."""
        return await self._line.show_line(
            sent.request,
            sent.department,
            "lease_lost",
            text=sent.text,
            item=sent.item,
            status=409,
        )

    def _render(
        self, request: Request, department: str, item: Item | None, view: _View
    ) -> Response:
        return self._renderer.render(
            request,
            "item.html",
            view.status,
            department=department,
            note=view.note,
            is_alert=view.is_alert,
            clear={"item": item, "text": view.text, "draft": view.draft},
            may_reveal=bool(self._api.settings.tokens.personal) and not view.personal,
            key=view.key or secrets.token_urlsafe(16),
            now=self._api.desk.clock.now(),
            lease_s=int(self._api.settings.desk.lease.total_seconds()),
        )

    def _person(self, request: Request) -> str:
        return session.agent(request, self._api.settings)

    async def _read_draft(self, request: Request, item: str) -> str:
        return await self._api.desk.desk_queue.leases.read_draft(item, self._person(request))

    async def _forget_draft(self, sent: _Submission) -> None:
        """Forget the draft of a reply that is on its way; an outage leaves it for its time."""
        try:
            person = self._person(sent.request)
            await self._api.desk.desk_queue.leases.keep_draft(sent.item, person, "")
        except AWAY:
            return


def _go_to_line(sent: _Submission) -> Response:
    """Go to the line after the item left the person's hands."""
    return RedirectResponse(line_address(sent.department, "done"), 303)


def _lease_body(sent: _Submission) -> LeaseIn:
    return LeaseIn(lease=sent.lease, note=sent.form.get("note", ""))


def _move_body(sent: _Submission) -> MoveIn:
    return MoveIn(
        lease=sent.lease,
        reason=sent.form.get("reason", "").strip() or "-",
        department=sent.form.get("to") or None,
    )
