"""Cuts the quoted mail from a mail's text, and leaves the customer's own words. Pure.

Message.text gets these words, and full_text keeps everything. To lose a customer's words is worse
than to keep a quotation, so answers between quoted lines stay, and an empty result keeps the text.
Each line is examined a few times, however many heads a text has.
"""

import re

from ingest.parsing.mail_text.head_lines import split_heads
from ingest.parsing.mail_text.quote_heads import QuoteHead, find_head
from ingest.parsing.mail_text.quoted_lines import Quotes
from ingest.parsing.mail_text.signature import cut_signature, is_rule

_BLANKS = re.compile(r"\n{3,}")
_INTRODUCTION = re.compile(r"[^\d@\n]{2,200}:[ \t]*$")
"""A person's words directly above a list with ">". A program's head has an address or a day."""


def own_words(text: str, *, is_reply: bool) -> str:
    """Return the customer's own words, the whole text when nothing else would be left."""
    return MailText(text, is_reply=is_reply).own_words()


class MailText:
    """The text of a mail, in which each line is examined once for the head of a quoted mail."""

    def __init__(self, text: str, *, is_reply: bool) -> None:
        self._text, self._is_reply = text, is_reply
        self._lines = split_heads(text.split("\n"))
        self._quotes = Quotes(self._lines)
        self._heads: dict[int, QuoteHead | None] = {}

    def find_quote(self) -> tuple[int, int] | None:
        """Return the offsets (start, end) of a quoted mail's head, None without a certain one."""
        start = 0
        for index, line in enumerate(self._lines):
            head = self._head(index)
            if head is not None:
                size = sum(len(x) + 1 for x in self._lines[head.first : head.after])
                return start, min(len(self._text), start + size - 1)
            start += len(line) + 1
        return None

    def own_words(self) -> str:
        """Return the customer's own words, the whole text when nothing else would be left."""
        if "\r\n" in self._text:
            text = self._text.replace("\r\n", "\n")
            return MailText(text, is_reply=self._is_reply).own_words()
        own = cut_signature(self._without_quote())
        return _BLANKS.sub("\n\n", own).strip() or self._text.strip()

    def _head(self, index: int) -> QuoteHead | None:
        """Return the head of a quoted mail that begins at a line."""
        if index not in self._heads:
            self._heads[index] = find_head(
                self._lines, index, is_reply=self._is_reply, quotes=self._quotes
            )
        return self._heads[index]

    def _without_quote(self) -> str:
        lines, quotes = self._lines, self._quotes
        own, has_words, cuts = list[str](), False, self._is_reply
        is_above_head, has_head, is_shown = True, False, False
        index = 0
        while index < len(lines):
            line = lines[index]
            head = None if quotes.quoted[index] else self._head(index)
            if head is not None and head.kind == "forwarded":
                # A mail that somebody forwards within an answer is part of the answer.
                own += lines[index : head.after]
                index, has_words = head.after, True
                continue
            if head is not None:
                if not quotes.is_quoted_below(head.after):
                    return _join(own) if has_words else self._text  # the quoted mail is the rest
                cuts, has_head, index = True, True, head.after
                if is_above_head and has_words:
                    # The quotation follows a signature, and more words can follow the quotation.
                    own, is_above_head = cut_signature("\n".join(own)).split("\n"), False
                _drop_rules(own)
                own.append("")
                continue
            if not (index and quotes.quoted[index - 1]):
                is_shown = not has_head and bool(own) and _introduces(own[-1])
            if not (quotes.quoted[index] and cuts) or is_shown:
                own.append(line)
                has_words = has_words or bool(line.strip())
            index += 1
        return _join(own) if cuts and has_words else self._text


def _introduces(line: str) -> bool:
    return line.rstrip(" \t").endswith(":") and _INTRODUCTION.match(line) is not None


def _join(lines: list[str]) -> str:
    _drop_rules(lines)
    return "\n".join(lines)


def _drop_rules(lines: list[str]) -> None:
    """Remove blank lines and rules from the end."""
    while lines and (not lines[-1].strip() or is_rule(lines[-1], 2)):
        lines.pop()
