"""The settings of one complaint site or forum."""

from datetime import timedelta
from typing import Annotated

import msgspec

from schemas.account_fields import Brand
from schemas.base import Record


class FieldPaths(Record, frozen=True, kw_only=True):
    """The paths of the fields in the site's own JSON, with dots between names and indexes."""

    items: Annotated[
        str, msgspec.Meta(description="The path of the list; empty looks for it in the body.")
    ] = ""
    id: Annotated[str, msgspec.Meta(description="The path of the id.")] = "id"
    title: Annotated[str, msgspec.Meta(description="The path of the title.")] = "title"
    text: Annotated[str, msgspec.Meta(description="The path of the text.")] = "text"
    author: Annotated[str, msgspec.Meta(description="The path of the author's name.")] = "author"
    author_id: Annotated[str, msgspec.Meta(description="The path of the author's id.")] = ""
    url: Annotated[str, msgspec.Meta(description="The path of the address.")] = "url"
    created: Annotated[str, msgspec.Meta(description="The path of the time of writing.")] = (
        "created_at"
    )
    updated: Annotated[
        str, msgspec.Meta(description="The path of the time of the last change.")
    ] = "updated_at"
    rating: Annotated[str, msgspec.Meta(description="The path of the stars.")] = "rating"
    thread: Annotated[
        str, msgspec.Meta(description="The path of the complaint that an entry belongs to.")
    ] = ""
    next: Annotated[str, msgspec.Meta(description="The path of the next page's address.")] = ""


class Account(Record, frozen=True, kw_only=True):
    """One complaint site or forum: a feed, a JSON list, or its own calls."""

    brand: Brand = ""
    feed: Annotated[str, msgspec.Meta(description="The address of an RSS or Atom feed.")] = ""
    api: Annotated[str, msgspec.Meta(description="The address of a JSON list.")] = ""
    api_headers: Annotated[
        dict[str, str], msgspec.Meta(description="Headers of a request to `api`, such as a key.")
    ] = msgspec.field(default_factory=dict)
    secret: Annotated[
        str,
        msgspec.Meta(
            description=(
                "The secret that proves the site's calls: `whsec_…` by Standard Webhooks, "
                "any other as an HMAC."
            )
        ),
    ] = ""
    signature_header: Annotated[str, msgspec.Meta(description="The header with the HMAC.")] = (
        "x-signature"
    )
    fields: FieldPaths = FieldPaths()
    most_stars: Annotated[
        int, msgspec.Meta(description="The highest rating of the site, which counts as 1.")
    ] = 5
    keywords: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="Words of which an entry must have one; none takes every entry."),
    ] = ()
    poll: Annotated[
        timedelta, msgspec.Meta(description="The time between two passes over `feed` or `api`.")
    ] = timedelta(minutes=5)
    answering: Annotated[
        str,
        msgspec.Meta(description="The sentence that the desk shows instead of a form for answers."),
    ] = "the site takes no answer by us: answer on its own page"
