"""Reads the text and the files of a Bluesky post."""

from ingest.channels.bluesky import wire
from ingest.parsing.json_values import parse_size
from schemas.message import Attachment

_MAX_NAME_CHARS = 100  # a picture's description may be a paragraph


def expand_links(record: wire.PostRecord) -> str:
    """Return the text with every address in full, which the post shows shortened."""
    data = record.text.encode()
    for facet in sorted(record.facets, key=lambda facet: -facet.index.byte_start):
        link = next((feature.uri for feature in facet.features if feature.uri), "")
        start, end = facet.index.byte_start, facet.index.byte_end
        if link and 0 <= start < end <= len(data):
            data = data[:start] + link.encode() + data[end:]
    return data.decode("utf-8", "replace")


def list_files(embed: wire.Embed | None) -> list[tuple[wire.Blob, str]]:
    """Return the files of a post with their descriptions."""
    if embed is None:
        return []
    files = [(i.image, i.alt or "") for i in embed.images if i.image and content_id(i.image)]
    if embed.video and content_id(embed.video):
        files.append((embed.video, ""))
    return files + list_files(embed.media)


def content_id(blob: wire.Blob) -> str:
    """Return the content id of a file, empty for a file without one."""
    return (blob.ref or {}).get("$link", "")


def describe_file(blob: wire.Blob, description: str) -> Attachment:
    """Return the attachment of a file, before its content is fetched."""
    kind = blob.mime_type or "application/octet-stream"
    default = f"{kind.partition('/')[0]}.{kind.rpartition('/')[2]}"
    name = description.strip()[:_MAX_NAME_CHARS] or default
    return Attachment(name=name, type=kind, size=parse_size(blob.size), sha256="")
