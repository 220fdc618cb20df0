"""Fills the templates of the pages, with personal numbers masked."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from runtime.settings.structs import Settings
from schemas.outcome import author_of
from schemas.routing.counterfactual import nearest_change
from schemas.text.masking import mask_table
from workers.console import session
from workers.console.texts import Texts, department_titles

RETRY_AFTER_S = 5
"""Seconds until a person should try again; a failover of Redis takes about as long."""

_NO_VALUES: Mapping[str, object] = MappingProxyType({})
_TEMPLATES = Path(__file__).parent.parent / "templates"


class Renderer:
    """The templates of one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["clock"] = _clock
        self._templates.filters["exp"] = math.exp
        self._templates.filters["nearest_change"] = nearest_change
        self._templates.filters["author"] = author_of

    def render(
        self,
        request: Request,
        template: str,
        status: int = 200,
        *,
        clear: Mapping[str, object] = _NO_VALUES,
        **values: object,
    ) -> Response:
        """Return a filled template, with the personal numbers of `values` masked.

        `clear` holds the values to show unmasked, which are the person's own entries and those that
        the person has a right to see.
        """
        language = session.language(request)
        html = self._templates.get_template(template).render(
            t=Texts(language),
            departments=department_titles(self._settings.departments, language),
            path=request.url.path,
            page=_page_path(request.url.path),
            person=session.person(request, self._settings),
            **mask_table(values),
            **clear,
        )
        headers = {"Cache-Control": "no-store"}
        if status == 503:
            headers["Retry-After"] = str(RETRY_AFTER_S)
        return HTMLResponse(html, status, headers=headers)

    def not_found(self, request: Request) -> Response:
        """Return the page for an unknown address, message or incident: 404."""
        return self.render(request, "not_found.html", 404)


def outage_fragment(request: Request) -> Response:
    """Return the piece of a page that asks the person to try again: 503."""
    text = Texts(session.language(request)).try_again
    return HTMLResponse(text, 503, headers={"Retry-After": str(RETRY_AFTER_S)})


def _page_path(path: str) -> str:
    """Return the address of the page to which the address of a form belongs."""
    depth = {"desk": 3, "incidents": 2}.get(path.split("/")[1])
    return "/".join(path.split("/")[: depth + 1]) if depth else path


def _clock(milliseconds: int) -> str:
    """Return a time of the store, milliseconds since 1970, as people read it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%d.%m %H:%M:%S")
