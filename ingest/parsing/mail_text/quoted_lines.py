"""Finds the quoted lines of a mail. Pure.

quote_heads.py and reply.py ask whether a line is quoted, and which line is below it.
"""

import re

MIN_BROKEN_CHARS = 60
"""Programs do not break shorter lines, except before a long link."""
MIN_BROKEN_LINK_CHARS = 30
MAX_LINK_CHARS = 400
_SENTENCE_ENDS = (".", "!", "?", ":", ";", ",", ")", "…")
_GREATER = re.compile(r"[ \t]{0,9}>\d")
"""A single line such as ">500 TL" compares, and quotes nobody."""
_INITIALS = re.compile(r"[ \t]{0,3}([A-Z]{1,3})>(?: |$)")
_LINK = re.compile(r"https?://[^\s<>\"]{10,}$")
_LINK_REST = re.compile(r"[^\s<>]{0,300}[=&%/_#][^\s<>]{1,300}(?:>|[.,;)]{0,3}\s*$)")


class Quotes:
    """The quoted lines of a text, which begin with ">" or with an author's initials."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        initials: dict[str, int] = {}
        for line in lines:
            if match := _INITIALS.match(line):
                initials[match[1]] = initials.get(match[1], 0) + 1
        repeated = {name for name, count in initials.items() if count > 1}
        # Several initials are a person's questions and answers.
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
        """Return the index of the first line from `index` on that is not blank."""
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
        """Mark the rest of a quoted line that a program broke."""
        for index in range(1, len(self._lines)):
            if self.quoted[index] or not self.quoted[index - 1]:
                continue
            line, above = self._lines[index], self._lines[index - 1]
            if len(above) < MIN_BROKEN_LINK_CHARS:
                continue
            is_wrapped = MIN_BROKEN_CHARS <= len(above) >= len(line)
            inside = index + 1 < len(self._lines) and self.quoted[index + 1]
            continues = line[:1].islower() and not above.rstrip().endswith(_SENTENCE_ENDS)
            is_rest = is_wrapped and inside and continues
            is_link = _LINK.search(above[-MAX_LINK_CHARS:]) and _LINK_REST.match(line)
            self.quoted[index] = is_rest or is_link is not None
