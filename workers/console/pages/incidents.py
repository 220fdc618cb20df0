"""The pages Incidents and Incident: many customers with one problem at the same time.

A person's verdict goes to incidents.v1. The page shows it as soon as the store has it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from schemas.errors import Rejected, Retry
from schemas.http_api.bodies import JudgeIn
from schemas.incident import ENDED, Incident, Sign, fold_records
from workers.console import session
from workers.console.api import ConsoleApi, wait_until_recorded
from workers.console.pages.forms import read_form
from workers.console.pages.renderer import Renderer
from workers.console.plot import span_bars
from workers.console.texts import Texts
from workers.store import incidents, queries

_NEWEST_MESSAGES = 20
_MAX_TEXT_CHARS = 4000
_QUIET_AFTER = timedelta(minutes=5)
"""An open incident without a message for this long is no longer shown as growing."""


@dataclass(frozen=True, kw_only=True)
class _IncidentView:
    """The store's answers for the page of one incident, read together."""

    incident: Incident
    history: list[Incident]
    course: incidents.Course
    lines: list[queries.MessageLine]
    duplicates: list[tuple[Incident, tuple[Sign, ...]]]
    mergeable: list[Incident]
    merged_into: Incident | None


class IncidentPages:
    """The endpoints of the pages."""

    def __init__(self, api: ConsoleApi, renderer: Renderer) -> None:
        self._api, self._renderer = api, renderer

    async def incidents(self, request: Request) -> Response:
        """GET the list."""
        return await self._list(request, "incidents.html")

    async def incidents_live(self, request: Request) -> Response:
        """GET the part of the list that changes."""
        return await self._list(request, "incidents_live.html")

    async def _list(self, request: Request, template: str) -> Response:
        recent = await self._api.recent_incidents()
        return self._renderer.render(
            request,
            template,
            open=[i for i in recent if i.status not in ENDED],
            ended=[i for i in recent if i.status in ENDED],
            quiet_since=self._quiet_since(),
        )

    async def incident(self, request: Request) -> Response:
        """GET /incidents/{id}: an incident with its signs and messages."""
        return await self._show(request, "incident.html")

    async def incident_live(self, request: Request) -> Response:
        """GET the part of an incident that changes."""
        return await self._show(request, "incident_live.html")

    async def _show(
        self,
        request: Request,
        template: str,
        note: str = "",
        form: dict[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        view = await self._api.read_store(_read_incident, request.path_params["id"])
        if view is None:
            return self._renderer.not_found(request)
        title = Texts(session.language(request)).customers_each
        course = view.course
        plot = span_bars(course.spans, course.seconds, course.usual, title)
        return self._renderer.render(
            request,
            template,
            status,
            incident=view.incident,
            history=view.history,
            course=course,
            lines=view.lines,
            duplicates=view.duplicates,
            mergeable=view.mergeable,
            merged_into=view.merged_into,
            plot=Markup(plot),  # noqa: S704 - plot.py escapes its texts
            note=note,
            quiet_since=self._quiet_since(),
            clear={"form": form or {}},
        )

    def _quiet_since(self) -> datetime:
        return self._api.desk.clock.now() - _QUIET_AFTER

    async def judge(self, request: Request) -> Response:
        """POST a verdict: confirm, dismiss, close, merge or answer."""
        form, texts = await read_form(request), Texts(session.language(request))
        identifier, verb = request.path_params["id"], request.path_params["verb"]
        if verb not in incidents.VERBS:
            return self._renderer.not_found(request)
        verdict = JudgeIn(
            agent=session.agent(request, self._api.settings),
            into=form.get("into") or None,
            text_tr=form.get("text_tr", "")[:_MAX_TEXT_CHARS],
            text_en=form.get("text_en", "")[:_MAX_TEXT_CHARS],
            later=form.get("later") == "yes",
        )
        if verb == "answer" and not (verdict.text_tr.strip() or verdict.text_en.strip()):
            return await self._show(request, "incident.html", texts.answer_empty, form, 400)
        try:
            incident = await self._api.record_verdict(identifier, verb, verdict)
        except Rejected as error:
            if error.code == "incident.unknown":
                return self._renderer.not_found(request)
            return await self._show(request, "incident.html", error.text, form, 400)
        except Retry:
            return await self._show(request, "incident.html", texts.try_again, form, 503)
        await self._wait_for(incident)
        return RedirectResponse(f"/incidents/{identifier}", 303)

    async def _wait_for(self, incident: Incident) -> None:
        """Wait a moment until the store has a verdict."""

        async def is_recorded() -> bool:
            stored = await self._api.read_store(incidents.get, incident.id)
            return stored is not None and stored.at >= incident.at

        await wait_until_recorded(is_recorded)


def _read_incident(connection: Connection, identifier: str) -> _IncidentView | None:
    """Return the values of an incident's page, or None if the store does not have it."""
    records = incidents.history(connection, identifier)
    incident = fold_records(records).get(identifier)
    if incident is None:
        return None
    others = incidents.incidents(connection)
    mergeable = incidents.mergeable(incident, others)
    duplicates = incidents.likely_duplicates(incident, mergeable)
    likely = [other for other, _ in duplicates]
    newest = incidents.messages(connection, identifier, _NEWEST_MESSAGES)
    return _IncidentView(
        incident=incident,
        history=[record for record in records if record.status != "grown"],
        course=incidents.course(connection, incident),
        lines=queries.lines(connection, newest),
        duplicates=duplicates,
        mergeable=likely + [other for other in mergeable if other not in likely],
        merged_into=next((i for i in others if i.id == incident.merged_into), None),
    )
