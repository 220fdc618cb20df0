"""Lays out texts and tags line by line, as a browser without styles shows them. Pure.

Each line of the answered mail gets a ">", as in plain text, so that answers between its lines stay
distinct from it.
"""

import re

from ingest.parsing.mail_text.quote_heads import VERBS

MAX_QUOTE_DEPTH = 20
"""Deeper quotations get no ">" of their own, because each line repeats all of them."""

_CITED = re.compile(
    r"type\s{0,9}=\s{0,9}[\"']?cite|gmail_quote|moz-|yahoo_quoted|protonmail_quote|\bcite\b", re.I
)
_HEAD_END = re.compile(
    rf"(?:{'|'.join(map(re.escape, VERBS))}|[>)])\s{{0,9}}[:：]\s{{0,99}}$", re.IGNORECASE
)
_MAX_HEAD_CHARS = 200  # a head is directly above its quotation
_MAX_HEAD_PIECES = 20
_MAX_HEAD_GAP_LINES = 3  # blank lines may be between the two

PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "figure"})
BLOCKS = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dir",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "footer",
        "form",
        "head",
        "header",
        "hgroup",
        "hr",
        "html",
        "layer",
        "li",
        "listing",
        "main",
        "menu",
        "nav",
        "ol",
        "plaintext",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
        "xmp",
    }
)
_PREFORMATTED = frozenset({"pre", "xmp", "listing", "plaintext"})
_LINE, _PARAGRAPH = 1, 2  # the gap between two blocks


class Page:
    """The finished lines, and the line that is being written."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._pieces: list[str] = []  # the line that is being written
        self._gap = 0
        self._bullet = ""
        self._counters: list[int | None] = []  # each open list; None has no numbers
        self._rows: list[int | None] = []  # each open table; the line at which its row began
        self._cell_is_empty = False
        self._preformatted = 0
        self._quotes: list[bool] = []  # each open quotation; True for the answered mail
        self._depth = 0

    def text(self) -> str:
        """Return the text of the page."""
        self._end_line()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip()

    def write(self, text: str) -> None:
        """Write a text at the end of the page."""
        if self._preformatted and "\n" in text:
            first, *others = text.split("\n")
            self._write(first)
            for line in others:
                self._break_line()
                self._write(line)
        else:
            self._write(text)

    def start(self, name: str, attributes: str) -> None:
        """Begin an element."""
        if name == "br":
            self._break_line()
        elif name in ("td", "th"):
            self._begin_cell()
        elif name == "blockquote":
            self._begin_quote(attributes)
        elif name == "q":
            self._write('"')
        elif name in PARAGRAPHS:
            self._leave_gap(_PARAGRAPH)
        elif name in BLOCKS:
            self._begin_block(name)

    def end(self, name: str) -> None:
        """End an element."""
        if name == "blockquote":
            self._end_quote()
        elif name in ("td", "th"):
            self._gap = min(self._gap, _LINE)
        elif name == "br":  # browsers read </br> as <br>
            self._break_line()
        elif name == "q":
            self._write('"')
        elif name in PARAGRAPHS:
            self._leave_gap(_PARAGRAPH)
        elif name in BLOCKS:
            self._end_block(name)

    def _begin_block(self, name: str) -> None:
        self._cell_is_empty = self._cell_is_empty and name != "tr"
        self._leave_gap(_LINE)
        if name in ("ul", "ol"):
            self._counters.append(0 if name == "ol" else None)
        elif name == "li":
            self._number_item()
        elif name == "table":
            self._rows.append(None)
        elif name == "tr" and self._rows:
            self._rows[-1] = None
        elif name in _PREFORMATTED:
            self._preformatted += 1

    def _end_block(self, name: str) -> None:
        self._cell_is_empty = self._cell_is_empty and name not in ("tr", "table")
        self._leave_gap(_LINE)
        if name in ("ul", "ol") and self._counters:
            self._counters.pop()
        elif name == "table" and self._rows:
            self._rows.pop()
        elif name == "tr" and self._rows:
            self._rows[-1] = None
        elif name in _PREFORMATTED and self._preformatted:
            self._preformatted -= 1

    def _number_item(self) -> None:
        counter = self._counters[-1] if self._counters else None
        self._bullet = "* " if counter is None else f"{counter + 1}. "
        if counter is not None:
            self._counters[-1] = counter + 1

    def _begin_cell(self) -> None:
        """Put a cell beside the previous one while the row has a single line, else below it."""
        if self._rows and self._rows[-1] is not None:
            if self._rows[-1] == len(self._lines):
                self._gap = 0
                self._pieces.append(" ")
            else:
                self._gap = _LINE
        else:
            self._leave_gap(_LINE)
            if self._rows:
                self._end_line()
                self._rows[-1] = len(self._lines)
        self._cell_is_empty = True

    def _begin_quote(self, attributes: str) -> None:
        cited = self._depth < MAX_QUOTE_DEPTH and (
            _CITED.search(attributes) is not None or self._is_below_head()
        )
        self._quotes.append(cited)
        self._leave_gap(_LINE)
        if cited:
            self._end_line()
            self._depth += 1

    def _end_quote(self) -> None:
        self._leave_gap(_LINE)
        if self._quotes and self._quotes.pop():
            self._end_line()
            self._depth -= 1

    def _is_below_head(self) -> bool:
        """Say whether the words before are the head of a quoted mail."""
        words = "".join(
            piece[-_MAX_HEAD_CHARS:] for piece in self._pieces[-_MAX_HEAD_PIECES:]
        ).strip()
        if not words:
            words = next(
                (line for line in reversed(self._lines[-_MAX_HEAD_GAP_LINES:]) if line), ""
            )
        return _HEAD_END.search(words[-_MAX_HEAD_CHARS:]) is not None

    def _leave_gap(self, gap: int) -> None:
        """Put the next text below; the first block of a cell begins at the cell itself."""
        if not self._cell_is_empty:
            self._gap = max(self._gap, gap)

    def _break_line(self) -> None:
        self._open_line()
        self._lines.append(self._line())

    def _write(self, text: str) -> None:
        if not text or text.isspace():
            if text and self._pieces and not self._gap:
                self._pieces.append(" ")
            return
        self._open_line()
        if self._bullet:
            self._pieces.append(self._bullet)
            self._bullet = ""
        self._pieces.append(text)
        self._cell_is_empty = False

    def _open_line(self) -> None:
        """Begin the line that the previous blocks asked for."""
        if self._gap:
            self._end_line()
            if self._gap == _PARAGRAPH and self._lines and self._lines[-1].strip("> "):
                self._lines.append(">" * self._depth)
            self._gap = 0

    def _end_line(self) -> None:
        if self._pieces and (line := self._line()):
            self._lines.append(line)

    def _line(self) -> str:
        """Return the line that is being written, and clear it."""
        line = " ".join("".join(self._pieces).split())
        self._pieces.clear()
        return "> " * self._depth + line if self._depth and line else line
