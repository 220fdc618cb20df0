"""Reads the forms that people send, and the counts that several pages show."""

from urllib.parse import parse_qs

from starlette.requests import Request

from runtime.http import server
from runtime.redis.errors import AWAY
from workers.console.api import ConsoleApi

_MAX_FORM_BYTES = 512 * 1024
"""Room for a reply of 100,000 characters, percent-encoded."""


async def read_form(request: Request) -> dict[str, str]:
    """Return a form's fields; raise Rejected if it is too large."""
    raw = await server.read_body(request, _MAX_FORM_BYTES)
    fields = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


async def count_items(api: ConsoleApi) -> dict[str, tuple[int, int]] | None:
    """Return the waiting and the claimed items by department, or None while Redis is away."""
    try:
        return {
            name: await api.desk.desk_queue.count_items(name) for name in api.settings.departments
        }
    except AWAY:
        return None


def local_path(target: str) -> str:
    """Return a path of the console to go to, never one of another site."""
    return target if target.startswith("/") and not target.startswith("//") else "/"
