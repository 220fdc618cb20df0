"""The page New entry: staff enter what a walk-in or a caller wants."""

import uuid

from starlette.requests import Request
from starlette.responses import Response

from schemas.base import JsonObject
from schemas.errors import Rejected, Retry
from workers.console import session
from workers.console.api import ConsoleApi
from workers.console.pages.forms import read_form
from workers.console.pages.renderer import Renderer
from workers.console.texts import Texts

_SENDER_FIELDS = ("name", "phone", "email", "customer_no")
_HANDLE_FIELDS = ("phone", "email", "customer_no")
_MAX_KEY_CHARS = 64


class EntryPages:
    """The endpoint of the page."""

    def __init__(self, api: ConsoleApi, renderer: Renderer) -> None:
        self._api, self._renderer = api, renderer

    async def entry(self, request: Request) -> Response:
        """GET the form; POST it to hand the message to the door and show its reference."""
        if request.method == "GET":
            return self._empty_form(request)
        texts = Texts(session.language(request))
        form = await read_form(request)
        key = form.get("key", "")[:_MAX_KEY_CHARS] or uuid.uuid4().hex
        sender = {k: form[k].strip() for k in _SENDER_FIELDS if form.get(k, "").strip()}
        if not any(field in sender for field in _HANDLE_FIELDS):
            return self._filled_form(request, form, key, texts.entry_one, 400)
        # The key comes with the page, so that a second press of the button makes no second message.
        body: JsonObject = {
            "native_id": f"entry-{key}",
            "text": form.get("text", "").strip(),
            "sender": sender,
            "kind": "call" if form.get("kind") == "call" else "note",
        }
        try:
            accepted = await self._api.submit_message(body)
        except Rejected as error:
            return self._filled_form(request, form, key, error.text, 400)
        except Retry:
            return self._filled_form(request, form, key, texts.try_again, 503)
        return self._empty_form(request, texts.entry_saved, accepted.id)

    def _empty_form(self, request: Request, note: str = "", saved: str = "") -> Response:
        """Return the form for the next message, with the note on the last one."""
        clear = {"form": {}, "key": uuid.uuid4().hex}
        return self._renderer.render(request, "entry.html", note=note, saved=saved, clear=clear)

    def _filled_form(
        self, request: Request, form: dict[str, str], key: str, note: str, status: int
    ) -> Response:
        """Return the form with the person's entries and the reason why nothing was saved."""
        clear = {"form": form, "key": key}
        return self._renderer.render(
            request, "entry.html", status, note=note, saved="", clear=clear
        )
