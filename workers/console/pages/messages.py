"""The pages Messages and Message, and the files of a message."""

import asyncio
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from runtime.archive.opening import open_archive
from runtime.http import server
from runtime.http.guard import stranger
from runtime.log import get
from schemas.decision import TRIAGE
from schemas.message import Attachment
from schemas.text.masking import mask_personal_numbers
from workers.console import session
from workers.console.api import ConsoleApi
from workers.console.pages.forms import read_form
from workers.console.pages.renderer import Renderer
from workers.store import customers, queries
from workers.store.pii import masked_story

log = get(__name__)

_NEWEST_MESSAGES = 50
_MAX_SEARCH_CHARS = 200


class MessagePages:
    """The endpoints of the pages."""

    def __init__(self, api: ConsoleApi, renderer: Renderer) -> None:
        self._api, self._renderer = api, renderer
        self._archive = open_archive(api.settings)

    async def messages(self, request: Request) -> Response:
        """GET the newest messages, or the matches of a search.

        A whole reference or number leads straight to its message.
        """
        words = request.query_params.get("q", "")[:_MAX_SEARCH_CHARS]
        if not words.strip():
            lines = await self._api.read_store(queries.newest, _NEWEST_MESSAGES)
            return self._renderer.render(request, "messages.html", lines=lines, clear={"q": words})
        key = self._api.settings.tokens.signing.encode()
        exact = await self._api.read_store(queries.exact_hit, words, key=key)
        if exact is not None:
            return RedirectResponse(f"/messages/{exact}", 303)
        lines = await self._api.read_store(queries.search, words, key=key)
        return self._renderer.render(request, "messages.html", lines=lines, clear={"q": words})

    async def message(self, request: Request) -> Response:
        """GET a message; POST the personal token to see its personal numbers too."""
        identifier = request.path_params["id"]
        may_see, is_refused = False, False
        person = session.agent(request, self._api.settings)
        if request.method == "POST":
            may_see = await self._check_personal_token(request, identifier, person)
            is_refused = not may_see
            if is_refused and (wait := stranger(request).failed()):
                return server.too_many_attempts(wait)

        story = await self._api.read_store(queries.story, identifier)
        if story is None:
            return self._renderer.not_found(request)
        decisions = await self._api.read_store(queries.decisions_of, story.message.conversation)
        masked = await asyncio.to_thread(masked_story, story, decisions)
        log.info("message.opened", message=identifier, person=person)
        if may_see:
            # Record the view first, so that a person sees no number without a record.
            await self._record_reveal(story, masked, person)
        visible = story if may_see else masked
        return self._renderer.render(
            request,
            "message.html",
            403 if is_refused else 200,
            hidden=not may_see and masked != story,
            refused=is_refused,
            customer=await self._api.read_store(customers.of_message, identifier),
            clear={
                "m": visible.message,
                "decisions": visible.decisions,
                "outcomes": visible.outcomes,
                "thread": visible.thread,
            },
        )

    async def _check_personal_token(self, request: Request, message: str, person: str) -> bool:
        """Say whether the person sent the personal token, and log the attempt."""
        token = (await read_form(request)).get("token", "")
        expected = self._api.settings.tokens.personal
        may_see = bool(expected) and server.matches_token(token, expected)
        log.warning("personal.asked", message=message, person=person, shown=may_see)
        return may_see

    async def _record_reveal(
        self, story: queries.MessageStory, masked: queries.MessageStory, person: str
    ) -> None:
        """Record the messages of a conversation whose numbers a person sees."""
        department = story.decisions[-1].department if story.decisions else TRIAGE
        pairs = zip((story.message, *story.thread), (masked.message, *masked.thread), strict=True)
        with_numbers = {clear.id: clear for clear, hidden in pairs if clear != hidden}
        for message in with_numbers.values() or (story.message,):
            await self._api.desk.record_reveal_of(message, department, person)

    async def file(self, request: Request) -> Response:
        """GET an attachment, which the browser saves and never opens here."""
        identifier, digest = request.path_params["id"], request.path_params["sha256"]

        def read_attachment(connection: Connection) -> Attachment | None:
            recorded = queries.message(connection, identifier)
            files = recorded.message.attachments if recorded else ()
            return next((a for a in files if a.sha256 == digest and not a.refused), None)

        attachment, data = await self._api.read_store(read_attachment), None
        if attachment is not None:
            # Not inside the store's question, because an archive's outage is not the store's.
            data = await asyncio.to_thread(self._archive.read_file, digest)
        if attachment is None or data is None:
            return self._renderer.not_found(request)
        person = session.person(request, self._api.settings)
        log.info("file.opened", message=identifier, file=digest, person=person)
        # A stranger's file is data: the browser gets no type to open and no rights of a page.
        headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
        name = quote(mask_personal_numbers(attachment.name), safe="")
        headers["Content-Disposition"] = f"attachment; filename*=utf-8''{name}"
        return Response(data, headers=headers, media_type="application/octet-stream")
