"""The page Desk: a department's line, the item that a person holds, and its actions.

Before: app.py lets only signed-in people here. After: templates/desk.html. The page masks personal
numbers. A person with the right to them enters the token `personal`, and each view is recorded.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from runtime.http import server
from runtime.http.guard import stranger
from runtime.redis.errors import AWAY
from schemas.errors import Rejected, Retry
from schemas.http_api.bodies import ClaimIn, Item, LeaseIn, MoveIn, ReplyIn
from workers.console import session
from workers.console.api import Api
from workers.console.pages import Page, away_part, counts_of, form_of
from workers.console.texts import Texts
from workers.desk_queue.values import ItemClosing, ItemUnknown, LeaseLost


class DeskPages:
    """The endpoints; `page` renders a template."""

    def __init__(self, api: Api, page: Page) -> None:
        self._api, self._page = api, page

    async def desks(self, request: Request) -> Response:
        """GET /desk."""
        counts = await counts_of(self._api)
        return self._page(request, "desks.html", 503 if counts is None else 200, counts=counts)

    async def desk(self, request: Request) -> Response:
        """GET: a department's desk. POST: claim its next item."""
        department = request.path_params["department"]
        if department not in self._api.settings.departments:
            return self._page(request, "not_found.html", 404)
        item, note = None, ""
        texts = Texts(session.language(request))
        if request.method == "POST":
            name = session.person(request, self._api.settings) or "?"
            try:
                claimed = await self._api.desk.claim(department, ClaimIn(agent=name))
                item = claimed.items[0] if claimed.items else None
                note = "" if item else texts.queue_empty
            except (Retry, *AWAY):
                return await self._desk(request, department, None, texts.desk_away, code=503)
        return await self._desk(request, department, item, note)

    async def _desk(
        self,
        request: Request,
        department: str,
        item: Item | None,
        note: str,
        text: str = "",
        *,
        personal: bool = False,
        code: int = 200,
        draft: Mapping[str, str] | None = None,
    ) -> Response:
        waiting = None
        try:
            waiting = (await self._api.desk.desk_queue.count_items(department))[0]
        except AWAY:
            code, note = 503, note or Texts(session.language(request)).desk_away
        return self._page(
            request,
            "desk.html",
            code,
            department=department,
            note=note,
            waiting=waiting,
            clear={"item": item, "text": text, "draft": draft},
            may_reveal=bool(self._api.settings.tokens.personal) and not personal,
            now=self._api.desk.clock.now(),
            lease_s=int(self._api.settings.desk.lease.total_seconds()),
        )

    async def beat(self, request: Request) -> Response:
        """POST …/heartbeat: the open page keeps its lease."""
        form, texts = await form_of(request), Texts(session.language(request))
        try:
            done = await self._api.desk.heartbeat(
                request.path_params["item"], LeaseIn(lease=form.get("lease", ""))
            )
        except ItemClosing:
            return HTMLResponse(f"<strong>{texts.item_closing}</strong>")
        except (LeaseLost, ItemUnknown):
            return HTMLResponse(f"<strong>{texts.lease_lost}</strong>")
        except (Retry, *AWAY):
            return away_part(request)
        assert done.lease_until is not None
        return HTMLResponse(f"{texts.lease_until} {done.lease_until:%H:%M:%S} UTC")

    async def act(self, request: Request) -> Response:
        """POST …/{verb}: reply, complete, release, reroute, escalate, reveal."""
        form, texts = await form_of(request), Texts(session.language(request))
        department, item = request.path_params["department"], request.path_params["item"]
        verb, lease = request.path_params["verb"], form.get("lease", "")
        try:
            if verb == "reply":
                allow = form.get("allow") == "yes"
                reply = ReplyIn(
                    lease=lease, text=form.get("text", "").strip(), allow_new_participant=allow
                )
                if not reply.text:
                    raise Rejected("json.invalid", texts.reply_text)
                await self._api.desk.reply(item, reply)
                if form.get("then") != "complete":
                    return await self._again(request, department, item, lease, texts.reply_sent)
                await self._api.desk.complete(item, LeaseIn(lease=lease))
            elif verb in ("complete", "release"):
                body = LeaseIn(lease=lease, note=form.get("note", ""))
                await getattr(self._api.desk, verb)(item, body)
            elif verb in ("reroute", "escalate"):
                move = MoveIn(
                    lease=lease,
                    reason=form.get("reason", "").strip() or "-",
                    department=form.get("to") or None,
                )
                await getattr(self._api.desk, verb)(item, move)
            elif verb == "reveal":
                right = server.same(form.get("token", ""), self._api.settings.tokens.personal)
                note = "" if right else texts.personal_refused
                if not right and (wait := stranger(request).failed()):
                    return server.too_many(wait)
                return await self._again(
                    request, department, item, lease, note, form.get("text", ""), personal=right
                )
            else:
                return self._page(request, "not_found.html", 404)
        except ItemClosing:
            text = form.get("text", "")
            return await self._again(request, department, item, lease, texts.item_closing, text)
        except (LeaseLost, ItemUnknown):
            return await self._desk(request, department, None, texts.lease_lost)
        except Rejected as error:
            return await self._again(
                request, department, item, lease, error.text, form.get("text", "")
            )
        except (Retry, *AWAY):
            text = form.get("text", "")
            return await self._again(
                request, department, item, lease, texts.desk_away, text, code=503
            )
        return await self._desk(request, department, None, texts.done)

    async def _again(
        self,
        request: Request,
        department: str,
        item: str,
        lease: str,
        note: str,
        text: str = "",
        *,
        personal: bool = False,
        code: int = 200,
    ) -> Response:
        """Show the item again with the person's entries, so that no text is lost."""
        shown, draft = None, None
        try:
            shown = await self._api.desk.show(item, lease, personal=personal)
        except (LeaseLost, ItemUnknown):
            pass
        except (Retry, *AWAY):
            code, note = 503, note or Texts(session.language(request)).desk_away
            draft = {"item": item, "lease": lease} if text else None
        return await self._desk(
            request, department, shown, note, text, personal=personal, code=code, draft=draft
        )
