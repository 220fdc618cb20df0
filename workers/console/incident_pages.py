"""The pages Incidents and Incident: many customers, one cause, now.

Before: app.py lets only signed-in people here. After: templates/incidents.html and incident.html.
What a person says there goes to incidents.v1; the page shows it at once, the store a moment later.
"""

from typing import Any

from markupsafe import Markup
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from schemas.errors import Rejected, Retry
from schemas.http_api.bodies import JudgeIn
from schemas.incident import ENDED, Incident, folded
from workers.console import session
from workers.console.api import Api, soon
from workers.console.pages import Page, form_of
from workers.console.plot import spans
from workers.console.texts import Texts
from workers.store import incidents, queries

_FIRST = 20


class IncidentPages:
    """The endpoints; `page` makes a page of a template."""

    def __init__(self, api: Api, page: Page) -> None:
        self._api, self._page = api, page

    async def incidents(self, request: Request) -> Response:
        """GET /incidents."""
        return self._page(request, "incidents.html", **await self._list())

    async def incidents_live(self, request: Request) -> Response:
        """GET /incidents/live: the part that changes."""
        return self._page(request, "incidents_live.html", **await self._list())

    async def _list(self) -> dict[str, Any]:
        known = await self._api.known_incidents()
        return {
            "open": [i for i in known if i.status not in ENDED],
            "ended": [i for i in known if i.status in ENDED],
        }

    async def incident(self, request: Request) -> Response:
        """GET /incidents/{id}."""
        return await self._shown(request, "incident.html")

    async def incident_live(self, request: Request) -> Response:
        """GET /incidents/{id}/live: the part that changes."""
        return await self._shown(request, "incident_live.html")

    async def _shown(
        self,
        request: Request,
        name: str,
        note: str = "",
        form: dict[str, str] | None = None,
        code: int = 200,
    ) -> Response:
        identifier = request.path_params["id"]

        def read(connection: Connection) -> dict[str, Any] | None:
            records = incidents.history(connection, identifier)
            found = folded(records).get(identifier)
            if found is None:
                return None
            others = incidents.incidents(connection)
            newest = incidents.messages(connection, identifier, _FIRST)
            mine = incidents.mergeable(found, others)
            same = incidents.same(found, mine)
            likely = [i for i, _ in same]
            return {
                "found": found,
                "course": incidents.course(connection, found),
                "lines": queries.lines(connection, newest),
                "told": [r for r in records if r.status != "grown"],
                "alike": same,
                "others": likely + [i for i in mine if i not in likely],
                "whole": next((i for i in others if i.id == found.merged_into), None),
            }

        values = await self._api.ask(read)
        if values is None:
            return self._page(request, "not_found.html", 404)
        title = Texts(session.language(request)).customers_each
        course = values["course"]
        plot = Markup(spans(course.spans, course.seconds, course.usual, title))  # noqa: S704 - plot.py escapes what it is given
        return self._page(
            request, name, code, plot=plot, note=note, clear={"form": form or {}}, **values
        )

    async def judge(self, request: Request) -> Response:
        """POST /incidents/{id}/{verb}: confirm, dismiss, close, merge, answer."""
        form, texts = await form_of(request), Texts(session.language(request))
        identifier, verb = request.path_params["id"], request.path_params["verb"]
        if verb not in incidents.VERBS:
            return self._page(request, "not_found.html", 404)
        asked = JudgeIn(
            agent=session.person(request, self._api.settings) or "?",
            into=form.get("into") or None,
            text_tr=form.get("text_tr", "")[:4000],
            text_en=form.get("text_en", "")[:4000],
            later=form.get("later") == "yes",
        )
        if verb == "answer" and not (asked.text_tr.strip() or asked.text_en.strip()):
            return await self._shown(request, "incident.html", texts.answer_empty, form, 400)
        try:
            made = await self._api.judge(identifier, verb, asked)
        except Rejected as error:
            if error.code == "incident.unknown":
                return self._page(request, "not_found.html", 404)
            return await self._shown(request, "incident.html", error.text, form, 400)
        except Retry:
            return await self._shown(request, "incident.html", texts.try_again, form, 503)
        await self._recorded(made)
        return RedirectResponse(f"/incidents/{identifier}", 303)

    async def _recorded(self, made: Incident) -> None:
        """Wait a moment until the store has it, so that the page shows what was just said."""

        async def recorded() -> bool:
            known = await self._api.ask(incidents.known, made.id)
            return known is not None and known.at >= made.at

        await soon(recorded)
