"""Finds the lines that a mail program writes above a quoted or forwarded mail. Pure.

A head is a sentence ("On … wrote:"), a title ("-----Original Message-----") or a block of header
fields, in any language of mail_programs.py. To lose a customer's words is worse than to keep a
head, so each kind needs something that no person writes there, such as an address or a time.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from ingest.parsing.mail_text.mail_programs import LANGUAGES, Language
from ingest.parsing.mail_text.quoted_lines import Quotes

MAX_HEAD_CHARS = 500
MAX_SENTENCE_LINES = 4
"""A program breaks its own sentence into at most this many lines."""
MAX_BLOCK_LINES = 30
MAX_NAME_CHARS = 40
MAX_CONTINUATION_CHARS = 200
MAX_PARTIES_CHARS = 400
"""An address is looked for in this much of a field of parties."""
MAX_DATE_CHARS = 200
_ADDRESS_LINE = re.compile(r"\s{0,20}<[^<>\s@]{1,64}@[^<>\s]{1,200}>[;,]?\s*$")


class QuoteHead(NamedTuple):
    """A head, which is `lines[first:after]`; its kind is sentence, original, forwarded or block."""

    first: int
    after: int
    kind: str


class Field(NamedTuple):
    """A header field in a text; `key` is from, date, to, cc, subject or reply-to."""

    key: str
    value: str


_FOLDED = str.maketrans({"İ": "i", "I": "i", "ı": "i", "\xa0": " ", "’": "'"})
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def fold_words(text: str) -> str:
    """Return a text without differences of case, or of I, ı, İ and i."""
    return " ".join(_INVISIBLE.sub("", text).translate(_FOLDED).casefold().split())


def _words(column: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(w for language in LANGUAGES for w in _cell(language, column)))


def _cell(language: Language, column: str) -> list[str]:
    value: str = getattr(language, column)
    return [word for word in value.split("|") if word]


_COLUMNS = {
    "sender": "from",
    "date": "date",
    "to": "to",
    "copy": "cc",
    "subject": "subject",
    "answer_to": "reply-to",
}
FIELD_NAMES = {word: key for column, key in reversed(_COLUMNS.items()) for word in _words(column)}
_FIELDS = {fold_words(word): key for word, key in FIELD_NAMES.items()}
_TITLES = {
    **{fold_words(word): "original" for word in _words("original")},
    **{fold_words(word): "forwarded" for word in _words("forwarded")},
}


def alternatives(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


VERBS = _words("verbs")
OPENERS = _words("openers")
_VERB = re.compile(rf"(?<![^\W_])(?:{alternatives(VERBS)})(?![^\W\d_])", re.IGNORECASE)
_UNSPACED_VERB = re.compile("写道|寫道|写到|のメール|書きました|님이 작성|썼습니다")
_PREFIX = r"[ \t>*<]{0,20}(?:-{1,9} ?)?"
_OPENED = re.compile(rf"{_PREFIX}(?:{alternatives(OPENERS)})(?![^\W\d_])[ ,\u200e]?", re.IGNORECASE)
_DATED = re.compile(
    rf"{_PREFIX}(?:[^\W\d]{{1,14}}[.,]{{0,2}} ){{0,2}}"
    r"(?:\d{1,4}[ ./年년-]|\d{1,2}(?:, ?\d|\. |일))"
)
_NAMED = re.compile(
    rf"{_PREFIX}(?:\"[^\"\n]{{1,80}}\"|'[^'\n]{{1,80}}'|<[^<>\s]{{1,80}}@"
    r"|(?:[^\s@]{1,40} ){0,6}[<(\[]?[\w.+-]{1,64}@)"
)
_NAMED_AND_DATED = re.compile(r"@[^\s<>@]{1,200}[>)\]]?,?[^\d\n]{0,20}\d")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}\.\w")
_CLOCK = re.compile(r"(?<!\d)\d{1,2}[:.h]\d{2}(?!\d)")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|(?<!\d)\d{1,2}[./-]\d{1,2}[./-]\d{2}(?!\d)")
_NARRATED = re.compile(
    r"\b(?:bana|bize|ben|temsilci\w*|ara(?:dım|dı|yıp)|diye|ancak|ama|fakat|me that|to me|to us|"
    r"your (?:agent|colleague|team))\b",
    re.IGNORECASE,
)
"""Words of a person who reports what others wrote. Mail programs do not write them."""
_NARRATED_AUTHOR = re.compile(
    r"\b(?:your|my|the (?:courier|driver|agent|seller|store|shop|company)|kurye\w*|satıcı\w*|"
    r"(?!\w*deniz\b)\w{2,30}n[iıuü]z)\b",
    re.IGNORECASE,
)
"""The words for a person without an address, as "temsilciniz" or "the courier"."""
_SENTENCE_WITHIN = re.compile(r"\w{4}[.!?] ")
"""A sentence of the author before a name, as in "Gelmedi. Ada schrieb am 3.3.2026:"."""
_VIA = re.compile(r".{1,80} via .{1,80}")
_WITHOUT_VERB = re.compile(
    rf"{_PREFIX}\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}}(?: \d{{1,2}}:\d\d)?"
    r"(?: (?:GMT|UTC)[+-]\d\d:?\d\d)? (?P<author>[^\n]{1,120})"
    rf"|{_PREFIX}Posted by (?P<poster>[^\n]{{1,80}}) on \d{{1,2}}/\d{{1,2}}/\d{{4}}$"
)
"""A date and a name without a verb, as in old Gmail's "2016-03-03 17:21 GMT+01:00 Some One"."""
_BY_ADDRESS = re.compile(r" (?:by|from|von|par|por|da|van|от) [\w.+-]{1,64}@[\w.-]{1,190}[:：]$")
"""A date and an address without a name, as in Tuta's "3 Jun 2025, 09:12 by ada@…:"."""
HEAD_ENDS = (":", "：", ":*", "--", ">", ")")
_TITLE_EDGE = " \t>*-_—=:：#"
_HYPHEN_LETTERS = "\u2010\u2011\u2012\u2013\u2015\u2212"
_HYPHENS = str.maketrans(dict.fromkeys(_HYPHEN_LETTERS, "-"))
_TITLE_STARTS = tuple(f"-—=#{_HYPHEN_LETTERS}")


def read_field(line: str) -> Field | None:
    """Return the header field in a line, None for any other line."""
    if ":" not in line and "：" not in line:
        return None
    stripped = line.lstrip(" \t>*\xa0")
    head = stripped[: MAX_NAME_CHARS + 2].replace("：", ":")
    name, colon, _ = head.partition(":")
    if not colon:
        return None
    key = _FIELDS.get(fold_words(name.strip(" \t*\xa0")))
    return None if key is None else Field(key, stripped[len(name) + 1 :].strip(" \t*\xa0"))


def read_title(line: str) -> str | None:
    """Return `original` or `forwarded` for a title of such a mail, None for any other line."""
    if len(line) > 120:
        return None
    stripped = line.strip(" \t>*")
    if not (stripped.startswith(_TITLE_STARTS) or stripped.endswith((":", "："))):
        return None  # before the translation, which costs more than the rest
    stripped = stripped.translate(_HYPHENS)
    if not (stripped.startswith(("--", "——", "==", "##-")) or stripped.endswith((":", "："))):
        return None
    return _TITLES.get(fold_words(stripped.strip(_TITLE_EDGE)))


def read_block(lines: list[str], first: int) -> tuple[int, dict[str, str]] | None:
    """Return the end of a block of header fields and its fields, None without one at `first`."""
    field = read_field(lines[first])
    if field is None:
        return None
    fields, after, blanks, other_lines = {field.key: field.value}, first + 1, 0, 0
    last_key = field.key
    for index in range(first + 1, min(len(lines), first + MAX_BLOCK_LINES)):
        line = lines[index]
        field = read_field(line)
        if field is not None:
            if field.key in fields:
                break
            fields[field.key], last_key = field.value, field.key
            after, blanks, other_lines = index + 1, 0, 0
        elif not line.strip(" \t>*"):
            blanks += 1
        elif _continues(line, lines[index - 1]) and not blanks:
            fields[last_key] += f" {line.strip()}"
            other_lines += 1
            if _ADDRESS_LINE.match(line):
                after = index + 1
        else:
            break
        if blanks > 1 or other_lines > 3:
            break
    return after, fields


def _continues(line: str, above: str) -> bool:
    """Say whether a line can be the rest of a long field above it."""
    value = above.rstrip()
    if len(line) > MAX_CONTINUATION_CHARS:
        return False
    if value.endswith((",", ";", ":", "<", "mailto")):
        return True
    is_indented = line.startswith((" ", "\t", "<")) and "@" in line
    is_wrapped = len(value) > 60 and ":" not in line and _ADDRESS.search(line) is not None
    return is_indented or is_wrapped


def is_certain(fields: dict[str, str]) -> bool:
    """Say whether a mail program wrote a block of header fields, and not a person a list."""
    if "from" not in fields or len(fields) < 3:
        return False
    authors = (fields["from"], fields.get("reply-to", ""))
    if any(_ADDRESS.search(parties[:MAX_PARTIES_CHARS]) for parties in authors):
        return True
    # The form of a parcel has names and a day, too, but neither a subject nor a time.
    has_clock = _CLOCK.search(fields.get("date", "")[:MAX_DATE_CHARS]) is not None
    return "subject" in fields and (len(fields) >= 4 or has_clock)


def has_address(fields: dict[str, str]) -> bool:
    """Say whether a party in a block of header fields has a mail address."""
    parties = [fields.get(key, "")[:MAX_PARTIES_CHARS] for key in ("from", "to", "cc")]
    return any(map(_ADDRESS.search, parties))


def find_head(lines: list[str], index: int, *, is_reply: bool, quotes: Quotes) -> QuoteHead | None:
    """Return the head of a quoted mail that begins at a line."""
    line = lines[index]
    if not line.strip():
        return None
    title = read_title(line)
    if title is not None:
        return _titled_head(lines, index, title, is_reply=is_reply, quotes=quotes)
    if is_reply and (block := read_block(lines, index)) is not None:
        after, fields = block
        if is_certain(fields):
            return QuoteHead(index, after, "block")
    return _sentence_head(lines, index, is_reply=is_reply, quotes=quotes)


def _titled_head(
    lines: list[str], index: int, title: str, *, is_reply: bool, quotes: Quotes
) -> QuoteHead | None:
    below = quotes.next_line(index + 1)
    block = read_block(lines, below) if below is not None else None
    after = block[0] if block and len(block[1]) >= 2 else index + 1
    if is_reply or quotes.is_quoted_below(after) or (block and is_certain(block[1])):
        return QuoteHead(index, after, title)
    return None


def _sentence_head(
    lines: list[str], index: int, *, is_reply: bool, quotes: Quotes
) -> QuoteHead | None:
    """Find "On … wrote:", "… tarihinde … yazdı:" and the like, in one line or several."""
    if len(lines[index]) > MAX_HEAD_CHARS or not (is_reply or quotes.has_any):
        return None
    first = _visible(lines[index])
    opened = _OPENED.match(first) or _DATED.match(first)
    named = _NAMED.match(first) if _may_name(first) else None
    if opened:
        can_continue = True
    elif named:
        can_continue = _NAMED_AND_DATED.search(first) is not None or _has_verb(first)
    elif _ends_head(first.strip()) and (_WITHOUT_VERB.match(first) or _has_verb(first)):
        can_continue = False
    else:
        return None
    sentence = ""
    for count in range(1, MAX_SENTENCE_LINES + 1):
        last = index + count - 1
        if last >= len(lines) or not (line := _visible(lines[last]).strip()):
            break
        if count > 1 and (not can_continue or _ends_sentence(lines[last - 1], line)):
            break
        sentence = f"{sentence} {line.lstrip('>* ') if sentence else line}".strip()
        if len(sentence) > MAX_HEAD_CHARS:
            break
        if not (_ends_head(line) if count == 1 else line.endswith(HEAD_ENDS)):
            continue
        below = quotes.is_quoted_below(last + 1)
        if (below or is_reply) and is_head(sentence, starts=bool(opened or named), quoted=below):
            return QuoteHead(index, last + 1, "sentence")
    return None


def _may_name(line: str) -> bool:
    return "@" in line or '"' in line or "'" in line


def _ends_head(line: str) -> bool:
    """Say whether a head of one line can end like this line."""
    return line.endswith(HEAD_ENDS) or _WITHOUT_VERB.match(line) is not None


def _visible(line: str) -> str:
    """Return a line without characters that only set its direction."""
    return line if line.isascii() else _INVISIBLE.sub("", line)


def _ends_sentence(line: str, following: str) -> bool:
    """Say whether a line is a sentence of its own above the next one."""
    return line.rstrip().endswith((".", "!", "?", ":")) and bool(
        _OPENED.match(following) or _DATED.match(following) or _NAMED.match(following)
    )


def _has_verb(line: str) -> bool:
    return _VERB.search(line) is not None or _UNSPACED_VERB.search(line) is not None


def is_head(sentence: str, *, starts: bool, quoted: bool) -> bool:
    """Say whether a mail program wrote a sentence above a quotation.

    `starts` says that it begins with a date, a name with an address, or "On"; `quoted` says that a
    quotation follows directly below.
    """
    if _NARRATED.search(sentence):
        return False
    stripped = sentence.rstrip(" *-").rstrip()
    address = _ADDRESS.search(sentence) is not None
    if not address and _NARRATED_AUTHOR.search(sentence):
        return False
    clock, year = _CLOCK.search(sentence), _YEAR.search(sentence)
    dated = clock is not None or year is not None
    verb = _last_verb(stripped)
    if stripped.endswith((":", "：")) or sentence.rstrip().endswith("--"):
        if verb is None:
            closed = stripped.rstrip(":： ").endswith((">", ")", "]"))
            if not closed and year is not None and clock is not None:
                closed = _BY_ADDRESS.search(stripped) is not None
            return starts and address and dated and closed
        tail = stripped[verb:]
        if len(tail) > 200:
            return False
        if starts:
            return address or dated or quoted
        # After a name without an address, only a date behind the verb shows a program's sentence.
        if _SENTENCE_WITHIN.search(stripped[:verb]):
            return False
        later = _YEAR.search(tail) is not None
        return later or (quoted and _VIA.match(stripped) is not None)
    without_verb = _WITHOUT_VERB.match(sentence)
    if without_verb is not None:
        return quoted and len((without_verb["author"] or without_verb["poster"]).split()) <= 9
    return quoted and starts and address and dated and stripped.endswith((">", ")"))


def _last_verb(sentence: str) -> int | None:
    """Return the end of the last verb in a sentence."""
    end = None
    for match in _VERB.finditer(sentence):
        end = match.end()
    unspaced = _UNSPACED_VERB.search(sentence)
    return unspaced.end() if unspaced and end is None else end
