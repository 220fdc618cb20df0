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
    _values: dict[str, list[bytes]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sort the headers by name once, because a parser asks for about forty of them."""
        self._values = {}
        for name, value in self.headers:
            self._values.setdefault(name, []).append(value)

    def raw(self, name: str) -> bytes | None:
        """Return the first value of a header in raw bytes, None when the mail has none."""
        values = self._values.get(name.lower())
        return values[0] if values else None

    def all(self, name: str) -> bytes:
        """Return all values of a header in raw bytes, joined by commas."""
        return b", ".join(self.values(name))

    def values(self, name: str) -> list[bytes]:
        """Return all values of a header in raw bytes."""
        return self._values.get(name.lower(), [])

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
