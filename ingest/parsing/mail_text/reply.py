"""A mail's text -> the customer's own words: what they quoted is cut. Pure.

Before: mime/parser.py's text. After: Message.text; the whole stays in full_text. Losing the
customer's words is worse than keeping a quotation: answers between quoted lines stay, and nothing
is cut when nothing would be left. Each line is looked at a few times, however many heads stand in
the text.
"""

import re

from ingest.parsing.mail_text.head_lines import part_heads
from ingest.parsing.mail_text.quote_heads import find_head
from ingest.parsing.mail_text.quoted_lines import Quotes
from ingest.parsing.mail_text.signature import cut_signature, is_rule

_BLANKS = re.compile(r"\n{3,}")
_SHOWS = re.compile(r"[^\d@\n]{2,200}:[ \t]*$")
"""Words of a person right above a list that begins with ">". A program's head has an address or a
day."""


def own_words(text: str, *, is_reply: bool) -> str:
    """Return what the customer wrote now; the whole when a cut would leave nothing."""
    text = text.replace("\r\n", "\n")
    own = cut_signature(_without_quote(text, is_reply=is_reply))
    return _BLANKS.sub("\n\n", own).strip() or text.strip()


def head(text: str, *, is_reply: bool) -> tuple[int, int] | None:
    """Return where the quoted mail's head begins and ends, None when there is none for certain."""
    lines = part_heads(text.split("\n"))
    quotes = Quotes(lines)
    start = 0
    for index, line in enumerate(lines):
        found = find_head(lines, index, is_reply=is_reply, quotes=quotes)
        if found is not None:
            size = sum(len(x) + 1 for x in lines[found.first : found.after])
            return start, min(len(text), start + size - 1)
        start += len(line) + 1
    return None


def _without_quote(text: str, *, is_reply: bool) -> str:
    lines = part_heads(text.split("\n"))
    quotes = Quotes(lines)
    own, has_words, cuts = list[str](), False, is_reply
    above, has_head, is_shown = True, False, False
    index = 0
    while index < len(lines):
        line = lines[index]
        found = None
        if not quotes.quoted[index]:
            found = find_head(lines, index, is_reply=is_reply, quotes=quotes)
        if found is not None and found.kind == "forwarded":
            # Somebody shows another's mail within an answer: what it says is meant to be read.
            own += lines[index : found.after]
            index, has_words = found.after, True
            continue
        if found is not None:
            if not quotes.is_quoted_below(found.after):
                return _ended(own) if has_words else text  # all below is the quoted mail
            cuts, has_head, index = True, True, found.after
            if above and has_words:
                # Below a signature the quotation stands, and below that may be further words.
                own, above = cut_signature("\n".join(own)).split("\n"), False
            _drop_rules(own)
            own.append("")
            continue
        if not (index and quotes.quoted[index - 1]):
            is_shown = not has_head and bool(own) and _SHOWS.match(own[-1]) is not None
        if not (quotes.quoted[index] and cuts) or is_shown:
            own.append(line)
            has_words = has_words or bool(line.strip())
        index += 1
    return (_ended(own) if cuts else text) if has_words else text


def _ended(lines: list[str]) -> str:
    _drop_rules(lines)
    return "\n".join(lines)


def _drop_rules(lines: list[str]) -> None:
    """Take the blank lines and rules off the end."""
    while lines and (not lines[-1].strip() or is_rule(lines[-1], 2)):
        lines.pop()
