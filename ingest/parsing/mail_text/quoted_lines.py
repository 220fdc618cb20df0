"""Lines of a mail -> which of them are quoted. Pure.

Before: reply.py has the lines. After: quote_heads.py and reply.py ask what is quoted, and what
stands below a line.
"""

import re

MIN_BROKEN_CHARS = 60
"""Programs break no shorter line, but for a long link's sake."""
MIN_BROKEN_LINK_CHARS = 30
_SENTENCE_ENDS = (".", "!", "?", ":", ";", ",", ")", "…")
_GREATER = re.compile(r"[ \t]{0,9}>\d")
"""">500 TL": one such line alone compares, and quotes nobody."""
_INITIALS = re.compile(r"[ \t]{0,3}([A-Z]{1,3})>(?: |$)")
_LINK = re.compile(r"https?://[^\s<>\"]{10,}$")
_LINK_REST = re.compile(r"[^\s<>]{0,300}[=&%/_#][^\s<>]{1,300}(?:>|[.,;)]{0,3}\s*$)")


class Quotes:
    """Which lines of a text are quoted: those that begin with ">" or with an author's initials."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        initials: dict[str, int] = {}
        for line in lines:
            if match := _INITIALS.match(line):
                initials[match[1]] = initials.get(match[1], 0) + 1
        repeated = {name for name, count in initials.items() if count > 1}
        # Several are somebody's questions and answers.
        self._initials = repeated if len(initials) == 1 else set[str]()
        self.quoted = [self._is_marked(line) for line in lines]
        if sum(self.quoted) == 1 and _GREATER.match(lines[self.quoted.index(True)]):
            self.quoted = [False] * len(lines)
        self._add_broken_lines()
        self.has_any = any(self.quoted)
        self._next: list[int | None] = [None] * (len(lines) + 1)
        for index in range(len(lines) - 1, -1, -1):
            self._next[index] = index if lines[index].strip() else self._next[index + 1]

    def next_line(self, index: int) -> int | None:
        """Return the first line from `index` on that is not blank."""
        return self._next[min(index, len(self._lines))]

    def is_quoted_below(self, index: int) -> bool:
        """Say whether the next line that is not blank is quoted."""
        below = self.next_line(index)
        return below is not None and self.quoted[below]

    def _is_marked(self, line: str) -> bool:
        if line.lstrip(" \t\xa0").startswith(">"):
            return True
        match = _INITIALS.match(line) if self._initials else None
        return match is not None and match[1] in self._initials

    def _add_broken_lines(self) -> None:
        """Take the rest of a line that a program broke out of its quotation for quoted, too."""
        for index in range(1, len(self._lines)):
            if self.quoted[index] or not self.quoted[index - 1]:
                continue
            line, before = self._lines[index], self._lines[index - 1]
            if len(before) < MIN_BROKEN_LINK_CHARS:
                continue
            is_wrapped = MIN_BROKEN_CHARS <= len(before) >= len(line)
            inside = index + 1 < len(self._lines) and self.quoted[index + 1]
            goes_on = line[:1].islower() and not before.rstrip().endswith(_SENTENCE_ENDS)
            is_rest = is_wrapped and inside and goes_on
            is_link = _LINK.search(before[-400:]) and _LINK_REST.match(line)
            self.quoted[index] = is_rest or is_link is not None
