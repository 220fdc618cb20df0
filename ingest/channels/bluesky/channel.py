"""The Bluesky channel: posts that mention the brand or answer it, from Jetstream."""

import re
from typing import Literal
from urllib.parse import quote

from ingest.channel import Context, Delivery, HintKind, MediaClient, Parsed
from ingest.channels.bluesky import wire
from ingest.channels.bluesky.account import Account
from ingest.channels.bluesky.parser import parse_event
from ingest.channels.bluesky.source import JetstreamSource
from ingest.parsing.json_values import decode_json
from ingest.source import Source, SourceContext
from schemas.errors import Rejected


class Bluesky:
    """The channel of Bluesky posts."""

    name = "bluesky"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "conversation"
    account = Account
    takes = (
        "posts that mention, answer or quote the account or contain a keyword, their edits and "
        "deletions"
    )
    ignores = "likes, reposts, follows, blocks, and all other posts"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one event; raise Rejected(delivery.ignored) for other posts."""
        return parse_event(delivery, context)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a picture or film from its author's server."""
        did, _, cid = ref.partition("/")
        query = f"did={quote(did)}&cid={quote(cid)}"
        server = await _repository_server(did, settings, web)
        url = f"{server}/xrpc/com.atproto.sync.getBlob?{query}"
        return await web.get(url, own=settings.pds)

    def pulls(self, settings: Account) -> bool:
        """Return whether the account has an id or keywords to search for."""
        return bool(settings.did or settings.keywords)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the stream of one account."""
        return JetstreamSource(account, settings, context)


async def _repository_server(did: str, settings: Account, web: MediaClient) -> str:
    """Return the server of an author's files, which the author's DID document names."""
    if did.startswith("did:plc:"):
        url = f"{settings.directory}/{quote(did)}"
    elif re.fullmatch(r"did:web:[a-zA-Z0-9.-]+", did):
        url = f"https://{did.removeprefix('did:web:')}/.well-known/did.json"
    else:
        raise Rejected("media.refused", "the author's DID is neither did:plc nor did:web")
    document = decode_json(wire.DidDocument, await web.get(url, own=settings.directory))
    for service in document.service:
        if service.id.endswith("#atproto_pds") and isinstance(service.service_endpoint, str):
            return service.service_endpoint.rstrip("/")
    raise Rejected("media.gone", "the author names no server")
