"""The page Live flow: the last hour, the departments, the stages and the newest messages."""

import asyncio
from typing import NamedTuple

from markupsafe import Markup
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from schemas.incident import Incident
from workers.console import session
from workers.console.api import ConsoleApi
from workers.console.pages.forms import count_items
from workers.console.pages.renderer import Renderer
from workers.console.plot import minute_bars
from workers.console.stage_lags import StageLags
from workers.console.texts import Texts
from workers.store import incidents, queries, recent_traffic

_NEWEST_MESSAGES = 12
"""About as many as a screen shows below the counts."""


class _Traffic(NamedTuple):
    """The store's answers for the page, read together."""

    flow: recent_traffic.Flow
    newest: list[queries.MessageLine]
    open_incidents: list[Incident]


class FlowPages:
    """The endpoints of the page."""

    def __init__(self, api: ConsoleApi, renderer: Renderer) -> None:
        self._api, self._renderer = api, renderer
        self._lags = StageLags(api.settings)

    async def flow(self, request: Request) -> Response:
        """GET the page."""
        return await self._render(request, "flow.html")

    async def flow_live(self, request: Request) -> Response:
        """GET the part that changes."""
        return await self._render(request, "flow_live.html")

    async def _render(self, request: Request, template: str) -> Response:
        traffic = await self._api.read_store(_read_traffic)
        counts = await count_items(self._api)
        stages = await asyncio.to_thread(self._lags.read)
        plot = minute_bars(traffic.flow.minutes, Texts(session.language(request)).per_minute)
        return self._renderer.render(
            request,
            template,
            flow=traffic.flow,
            newest=traffic.newest,
            open_incidents=traffic.open_incidents,
            counts=counts,
            stages=stages,
            plot=Markup(plot),  # noqa: S704 - plot.py escapes its texts
        )


def _read_traffic(connection: Connection) -> _Traffic:
    return _Traffic(
        flow=recent_traffic.read_flow(connection),
        newest=queries.newest(connection, _NEWEST_MESSAGES),
        open_incidents=incidents.open_now(connection),
    )
