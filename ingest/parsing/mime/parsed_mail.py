"""A mail as the parser reads it; header values are decoded when somebody asks for them. Pure."""

from dataclasses import dataclass, field

from ingest.parsing.mime import header
from ingest.parsing.mime.structure import Headers
from schemas.message import Attachment, Party


@dataclass
class Mail:
    """The headers, the text and the files of a mail.

    `headers` has the values as raw bytes. `html` says that the text comes from HTML alone.
    `refused` has the files that are not kept, `repaired` the codes of all repairs. The first text
    declares `charset`, which is the likeliest of raw bytes in headers, too.
    """

    headers: Headers
    text: str = ""
    html: bool = False
    files: list[tuple[Attachment, bytes]] = field(default_factory=list)
    refused: list[Attachment] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    content_type: str = "text/plain"
    charset: str | None = None
    _parties: dict[str, tuple[Party, ...]] = field(default_factory=dict, repr=False)
    _texts: dict[str, str] = field(default_factory=dict, repr=False)

    def raw(self, name: str) -> bytes | None:
        """Return the first value of a header in raw bytes, None when the mail has none."""
        name = name.lower()
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> bytes:
        """Return all values of a header in raw bytes, joined by commas."""
        return b", ".join(value for key, value in self.headers if key == name.lower())

    def values(self, name: str) -> list[bytes]:
        """Return all values of a header in raw bytes."""
        return [value for key, value in self.headers if key == name.lower()]

    def get(self, name: str) -> str:
        """Return the first value of a header as text, empty when the mail has none."""
        if name not in self._texts:
            raw = self.raw(name)
            self._texts[name] = header.decode_header(raw, self.charset) if raw is not None else ""
        return self._texts[name]

    def parties(self, name: str) -> tuple[Party, ...]:
        """Return the parties in all headers of a name; their addresses are in lower case."""
        if name not in self._parties:
            self._parties[name] = header.parse_addresses(self.all(name), self.charset)
        return self._parties[name]
