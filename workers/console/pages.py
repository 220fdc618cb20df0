"""The pages: Flow, Messages, Message, Entry, Rules, Desk.

Before: app.py lets only signed-in people here. After: templates/. Each page works without
JavaScript; htmx only keeps it fresh.
"""

import asyncio
import math
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from runtime.archive.opening import open_archive
from runtime.http import server
from runtime.http.guard import stranger
from runtime.log import get
from runtime.redis.errors import AWAY
from schemas.decision import TRIAGE
from schemas.errors import ConfigError, Problem, Rejected, Retry
from schemas.incident import Incident
from schemas.message import Attachment
from schemas.routing.counterfactual import otherwise
from schemas.text.masking import mask_personal_numbers, mask_value
from workers.console import session, status
from workers.console.api import Api, on_store_away
from workers.console.plot import bars, columns
from workers.console.texts import Texts
from workers.store import customers, incidents, queries, rule_usage
from workers.store.pii import masked_story

log = get(__name__)

RETRY_AFTER_S = 5
"""Seconds until a person should try again: a failover of Redis takes about as long."""

_FORM_LIMIT = 512 * 1024
_NOTHING: Mapping[str, Any] = MappingProxyType({})

_SENDER = ("name", "phone", "email", "customer_no")


def _clock(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%d.%m %H:%M:%S")


Page = Callable[..., Response]
"""Makes a page of a template: request, template, status, values."""


class Pages:
    """The endpoints; one a process."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lag = status.Lag(api.settings)
        self._archive = open_archive(api.settings)
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["clock"] = _clock
        self._templates.filters["exp"] = math.exp
        self._templates.filters["otherwise"] = otherwise

    def page(
        self,
        request: Request,
        name: str,
        code: int = 200,
        *,
        clear: Mapping[str, Any] = _NOTHING,
        **values: Any,
    ) -> Response:
        """Return a rendered template with personal numbers masked.

        `clear` holds the values to show unmasked: the person's own entries, or those that the
        person has a right to see.
        """
        language = session.language(request)
        departments = {
            key: told.title_tr if language == "tr" else told.title_en
            for key, told in self._api.settings.departments.items()
        }
        html = self._templates.get_template(name).render(
            t=Texts(language),
            departments=departments,
            path=request.url.path,
            person=session.person(request, self._api.settings),
            **mask_value(values),
            **clear,
        )
        headers = {"Cache-Control": "no-store"}
        if code == 503:
            headers["Retry-After"] = str(RETRY_AFTER_S)
        return HTMLResponse(html, code, headers=headers)

    async def away(self, request: Request, _error: Exception) -> Response:
        """503, as a page: something that the page needs does not answer."""
        if request.headers.get("hx-request"):
            return away_part(request)
        return self.page(request, "away.html", 503)

    async def not_found(self, request: Request, _error: Exception) -> Response:
        """404, as a page for browsers and as JSON for programs."""
        if "text/html" in request.headers.get("accept", ""):
            return self.page(request, "not_found.html", 404)
        return server.fault(404, "http.404", f"nothing lives at {request.url.path}")

    async def store_away(self, request: Request, error: Exception) -> Response:
        """503, as a page for browsers and as JSON for programs."""
        if request.headers.get("hx-request"):
            return away_part(request)
        answer = await on_store_away(request, error)
        if "text/html" not in request.headers.get("accept", ""):
            return answer
        page = self.page(request, "store_away.html", answer.status_code)
        page.headers["Retry-After"] = answer.headers["Retry-After"]
        return page

    async def login(self, request: Request) -> Response:
        """GET and POST /login."""
        wrong, target = False, request.query_params.get("next", "/")
        if request.method == "POST":
            form = await form_of(request)
            if server.same(form.get("token", ""), self._api.settings.tokens.console):
                safe = target if target.startswith("/") and not target.startswith("//") else "/"
                answer = RedirectResponse(safe, 303)
                name = form.get("name", "").strip()[:80] or "admin"
                session.sign_in(answer, self._api.settings, name)
                return answer
            wrong = True
            if wait := stranger(request).failed():
                return server.too_many(wait)
        used = not wrong and request.query_params.get("link") == "used"
        status = 401 if wrong else 200
        return self.page(request, "login.html", status, wrong=wrong, link_used=used)

    async def logout(self, _request: Request) -> Response:
        """POST /logout."""
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(session.COOKIE)
        return answer

    async def language(self, request: Request) -> Response:
        """POST /language: the other one."""
        form = await form_of(request)
        target = form.get("path", "/")
        safe = target if target.startswith("/") and not target.startswith("//") else "/"
        answer = RedirectResponse(safe, 303)
        other = "en" if session.language(request) == "tr" else "tr"
        answer.set_cookie(session.LANGUAGE, other, max_age=31_536_000, samesite="strict")
        return answer

    async def flow(self, request: Request) -> Response:
        """GET /."""
        return self.page(request, "flow.html", **await self._flow(request))

    async def flow_live(self, request: Request) -> Response:
        """GET /flow/live: the part that changes."""
        return self.page(request, "flow_live.html", **await self._flow(request))

    async def _flow(self, request: Request) -> dict[str, Any]:
        flow, newest, crisis = await self._api.ask(_read_flow)
        counts = await counts_of(self._api)
        stages = await asyncio.to_thread(self._lag.now)
        title = Texts(session.language(request)).per_minute
        return {
            "flow": flow,
            "newest": newest,
            "crisis": crisis,
            "counts": counts,
            "stages": stages,
            "plot": Markup(bars(flow.minutes, title)),  # noqa: S704 - plot.py escapes what it is given
        }

    async def messages(self, request: Request) -> Response:
        """GET /messages: the newest, or what a search finds."""
        words = request.query_params.get("q", "")[:200]
        asked = words.strip()
        if not asked:
            lines = await self._api.ask(queries.newest, 50)
            return self.page(request, "messages.html", lines=lines, clear={"q": words})
        key = self._api.settings.tokens.signing.encode()
        hit = await self._api.ask(queries.exact_hit, words, key=key)
        if hit is not None:
            return RedirectResponse(f"/messages/{hit}", 303)
        lines = await self._api.ask(queries.search, words, key=key)
        return self.page(request, "messages.html", lines=lines, clear={"q": words})

    async def message(self, request: Request) -> Response:
        """GET /messages/{id}. POST: with its personal numbers, for who has the right to them."""
        identifier = request.path_params["id"]
        right, refused = False, False
        person = session.person(request, self._api.settings) or "?"
        if request.method == "POST":
            given, due = (
                (await form_of(request)).get("token", ""),
                self._api.settings.tokens.personal,
            )
            right = bool(due) and server.same(given, due)
            refused = not right
            log.warning("personal.asked", message=identifier, person=person, shown=right)
            if refused and (wait := stranger(request).failed()):
                return server.too_many(wait)

        story = await self._api.ask(queries.story, identifier)
        if story is None:
            return self.page(request, "not_found.html", 404)
        decisions = await self._api.ask(queries.decisions_of, story.message.conversation)
        masked = await asyncio.to_thread(masked_story, story, decisions)
        log.info("message.opened", message=identifier, person=person)
        if right:
            # Record the view first: a person sees no number without a record.
            await self._record_reveal(story, masked, person)
        shown = story if right else masked
        return self.page(
            request,
            "message.html",
            403 if refused else 200,
            hidden=not right and masked != story,
            refused=refused,
            customer=await self._api.ask(customers.of_message, identifier),
            clear={
                "m": shown.message,
                "decisions": shown.decisions,
                "outcomes": shown.outcomes,
                "thread": shown.thread,
            },
        )

    async def _record_reveal(
        self, story: queries.Story, masked: queries.Story, person: str
    ) -> None:
        """Record the messages of a conversation whose numbers somebody sees."""
        department = story.decisions[-1].department if story.decisions else TRIAGE
        pairs = zip((story.message, *story.thread), (masked.message, *masked.thread), strict=True)
        hiding = {clear.id: clear for clear, hidden in pairs if clear != hidden}
        for message in hiding.values() or (story.message,):
            await self._api.desk.record_reveal_of(message, department, person)

    async def file(self, request: Request) -> Response:
        """GET /messages/{id}/files/{sha256}: an attachment, to be saved and never shown here."""
        identifier, digest = request.path_params["id"], request.path_params["sha256"]

        def attachment_of(connection: Connection) -> Attachment | None:
            recorded = queries.message(connection, identifier)
            files = recorded.message.attachments if recorded else ()
            return next((a for a in files if a.sha256 == digest and not a.refused), None)

        attachment, data = await self._api.ask(attachment_of), None
        if attachment is not None:
            # Apart from the store's question: a bucket that is away is not the store's outage.
            data = await asyncio.to_thread(self._archive.read_file, digest)
        if attachment is None or data is None:
            return self.page(request, "not_found.html", 404)
        person = session.person(request, self._api.settings)
        log.info("file.opened", message=identifier, file=digest, person=person)
        # What strangers sent is data: no type that a browser would open, and no page's rights.
        headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
        name = quote(mask_personal_numbers(attachment.name), safe="")
        headers["Content-Disposition"] = f"attachment; filename*=utf-8''{name}"
        return Response(data, headers=headers, media_type="application/octet-stream")

    async def entry(self, request: Request) -> Response:
        """GET: the form for a walk-in or a call. POST: hand it to the door, show its number."""
        texts = Texts(session.language(request))
        if request.method == "GET":
            return self.page(
                request,
                "entry.html",
                note="",
                saved="",
                clear={"form": {}, "key": uuid.uuid4().hex},
            )
        form = await form_of(request)
        key = form.get("key", "")[:64] or uuid.uuid4().hex
        typed = {"form": form, "key": key}
        sender = {k: form[k].strip() for k in _SENDER if form.get(k, "").strip()}
        if not any(k in sender for k in ("phone", "email", "customer_no")):
            return self.page(
                request, "entry.html", 400, note=texts.entry_one, saved="", clear=typed
            )
        # The key came with the page: pressed twice is one message.
        body = {
            "native_id": f"entry-{key}",
            "text": form.get("text", "").strip(),
            "sender": sender,
            "kind": "call" if form.get("kind") == "call" else "note",
        }
        try:
            told = await self._api.hand_in(body)
        except Rejected as error:
            return self.page(request, "entry.html", 400, note=error.text, saved="", clear=typed)
        except Retry:
            return self.page(
                request, "entry.html", 503, note=texts.try_again, saved="", clear=typed
            )
        return self.page(
            request,
            "entry.html",
            note=texts.entry_saved,
            saved=told.id,
            clear={"form": {}, "key": uuid.uuid4().hex},
        )

    async def rules(self, request: Request) -> Response:
        """GET: how rules and models do. POST: what they make of a text."""
        tried, said, problems = None, "", list[Problem]()
        if request.method == "POST":
            said = (await form_of(request)).get("text", "")[:20_000]
            if said.strip() and self._api.trial is not None:
                try:
                    tried = await asyncio.to_thread(self._api.trial, said)
                except ConfigError as error:
                    problems = error.problems

        told = await self._api.ask(rule_usage.tuning)
        title = Texts(session.language(request)).sure_each_week
        plot = columns([(w.begins[5:], 100 * w.sure) for w in told.weeks], title)
        return self.page(
            request,
            "rules.html",
            503 if problems else 200,
            tried=tried,
            told=told,
            problems=problems,
            clear={"said": said},
            plot=Markup(plot),  # noqa: S704 - plot.py escapes what it is given
        )


def _read_flow(
    connection: Connection,
) -> tuple[queries.Flow, list[queries.Line], list[Incident]]:
    newest = queries.newest(connection, 12)
    return queries.flow(connection), newest, incidents.open_now(connection)


async def form_of(request: Request) -> dict[str, str]:
    """Return a form's fields; raise Rejected when it is too large."""
    raw = await server.body(request, _FORM_LIMIT)
    fields = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


async def counts_of(api: Api) -> dict[str, tuple[int, int]] | None:
    """Return each department's waiting and held items; None while Redis is away."""
    try:
        return {
            name: await api.desk.desk_queue.count_items(name) for name in api.settings.departments
        }
    except AWAY:
        return None


def away_part(request: Request) -> Response:
    """Return the part of a page that says to try again: 503."""
    text = Texts(session.language(request)).try_again
    return HTMLResponse(text, 503, headers={"Retry-After": str(RETRY_AFTER_S)})
