"""The page Rules: how often rules fire and are overruled, and a trial of a text."""

import asyncio

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from schemas.decision import Decision
from schemas.errors import ConfigError, Problem
from workers.console import session
from workers.console.api import ConsoleApi
from workers.console.pages.forms import read_form
from workers.console.pages.renderer import Renderer
from workers.console.plot import percent_columns
from workers.console.texts import Texts
from workers.store import rule_usage

_MAX_TEXT_CHARS = 20_000


class RulePages:
    """The endpoint of the page."""

    def __init__(self, api: ConsoleApi, renderer: Renderer) -> None:
        self._api, self._renderer = api, renderer

    async def rules(self, request: Request) -> Response:
        """GET the figures; POST a text to see how the live rules and models decide it."""
        text, decision, problems = "", None, list[Problem]()
        if request.method == "POST":
            text = (await read_form(request)).get("text", "")[:_MAX_TEXT_CHARS]
            try:
                decision = await self._try(text)
            except ConfigError as error:
                problems = error.problems

        usage = await self._api.read_store(rule_usage.read_usage)
        title = Texts(session.language(request)).sure_each_week
        weeks = [(week.begins[5:], 100 * week.mean_confidence) for week in usage.weeks]
        return self._renderer.render(
            request,
            "rules.html",
            503 if problems else 200,
            tried=decision,
            usage=usage,
            problems=problems,
            clear={"text": text},
            plot=Markup(percent_columns(weeks, title)),  # noqa: S704 - plot.py escapes its texts
        )

    async def _try(self, text: str) -> Decision | None:
        """Return the decision on a text, or None for an empty one."""
        if not text.strip() or self._api.trial is None:
            return None
        return await asyncio.to_thread(self._api.trial, text)
