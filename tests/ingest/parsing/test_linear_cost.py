"""The cost of strangers' text grows with its length, never with its square.

Each parser is given every marker that it knows, over and over. A parser that looks again at what it
has seen shows here as one whose time grows more than twice as fast as its input. To have a parser
tested, add a row to PARSERS; take the markers from the parser's own tables, so that a new row of
those is tested unasked.
"""

import gc
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from ingest.parsing.calls import detection
from ingest.parsing.calls.formats import captions
from ingest.parsing.html import page, tokens
from ingest.parsing.html.text import to_text
from ingest.parsing.letters.composition import compose
from ingest.parsing.letters.mojibake import repair_mojibake
from ingest.parsing.mail.forward import read_original
from ingest.parsing.mail.message import parse_message
from ingest.parsing.mail_text.mail_programs import LANGUAGES
from ingest.parsing.mail_text.reply import own_words
from router.text.entities import find_entities
from runtime.settings.structs import ParsersSettings
from schemas.message import TEXT_LIMIT
from schemas.text.fold import fold
from schemas.text.personal_numbers import find_personal_numbers
from tests.support.messages import PACK

pytestmark = pytest.mark.slow  # a megabyte for each marker, each timed three times

GROWTH = 8
"""How much longer the long input is."""

MAX_COST_GROWTH = 16
"""How much more CPU time the long input may take: linear is 8, quadratic 64."""

MIX_CHARS = 1024 * 1024
HARMLESS_S = 0.04
"""A long input that costs less passes, because so small a time is mostly noise."""


class Parser(NamedTuple):
    """A function over strangers' text, and the markers that it looks for."""

    name: str
    function: Callable[[str], object]
    markers: frozenset[str]
    reads_lines: bool = True
    """Whether a marker on a line of its own is another thing than within a line."""
    long_chars: int = 128 * 1024
    """The long input with one marker; the one with all markers is longer."""


def _html_markers() -> Iterator[str]:
    names = {*page.BLOCKS, *page.PARAGRAPHS, *tokens.UNSHOWN, "td", "br", "b"}
    yield from (f"<{name}>" for name in names)
    yield from ("".join(f"</{name}>" for name in sorted(names)), "<div a ", "<style a ", "</p>a")
    yield from ("<blockquote type=cite>", "a wrote: <blockquote>", '<b a="b>c" d=\'', '<b a="')
    yield from ("<!--", "-->", "<!", "<?", "</", "<", ">", "<table><tr><td>a", "<tr><td>a<td>b")
    yield from ("<p style=display:none>", "<b hidden>a", "display:", "data:a/b;base64,", "\xa0")
    yield from ("&", "&#0", "&#1", "&#x1", "&amp", "\ue000a", "\ue001", "\n", " ")


def _mail_markers() -> Iterator[str]:
    for language in LANGUAGES:
        words = [column.split("|") for column in language]
        yield "\n".join(f"{name}: " for column in words[1:7] for name in column)
        yield "".join(f"{opener} 1 {verb} " for opener in words[7] for verb in words[8])
        yield "\n".join(f"---- {title} ----" for title in (*words[9], *words[10]))
    yield "\n".join(language.sent_from.replace("|", "\n") for language in LANGUAGES)
    yield from (
        "> ",
        "AB> a",
        "-- ",
        "____________",
        "On ",
        "On 1 May a@b.example wrote:",
        "From: ",
    )
    yield from ("2016-03-03 17:21 ", '"a" <a@b.example>, 1.2.2026 ', " via a wrote:", ":", "Sent: ")
    yield from (
        "-Sent: ",
        "-----Original Message-----",
        "Sent from my iPhone",
        "https://a.example/",
    )
    yield from ("Bu e-posta gizlidir", "_____\na mailing list")


_CUE = "00:01.000 --> 00:02.000"
_CALL_MARKERS = (
    _CUE,
    f"{_CUE}\n\n",
    f"1\n{_CUE}\na\n",
    f"{_CUE}\na\nb",
    "00:01,000 --> 00:02,000\n1",
    "-->",
    "<v ",
    "<v Ada>a",
    "<rt>",
    "<ruby>a<rt>b",
    "<c.",
    "<b",
    "</",
    "{\\",
    "<1:",
    "&",
    "NOTE",
    "\n",
    "Ada: a",
    "Temsilci: a",
    "[00:01] ",
    "[",
    "Ada - ",
    "Temsilci (",
    "- ",
    "**Ada",
    " ",
    "a ",
    "\t",
)


def _hear(text: str) -> object:
    return [
        captions.parse_webvtt(text),
        captions.parse_srt(text),
        detection.parse_transcript(f"a{text}".encode()),
    ]


def _parse(head: str) -> Callable[[str], object]:
    """Return a parser of a mail that begins with `head`, followed by the markers."""
    now = datetime(2026, 11, 20, tzinfo=UTC)

    def parse(text: str) -> object:
        raw = f"Message-ID: <a@b>\r\n{head}{text}".encode("utf-8", "surrogateescape")
        return parse_message(raw, brand="a", account="a", received_at=now)

    return parse


def _parse_headers(text: str) -> object:
    # Every header that is parsed, each in a mail of its own.
    names = ("From", "To", "Subject", "References", "Date", "Content-Type", "X-Failed-Recipients")
    return [_parse(f"{name}: ")(text[: len(text) // len(names)]) for name in names]


def _header_markers() -> Iterator[str]:
    yield from ("<", ">", '"', '\\"', "(", "\\(", ",", ":", ";", "@", "a@", "a@b.example, ", "'")
    yield from ("=?a?b?x", "=?utf-8?b?YQ==?= ", "=?utf-7?q?+AGE-", "?=", "<a@b> ", "<a <", "< ")
    yield from ('; a="', "; name*0*=''", "; boundary=b", "&lt;", "via ", "=", "\x1b$B", " ", "\n ")
    yield from ("\udc82\udca0", "\udcfe", "A: b\n", "[", "]", "1:", "Re:", "mailto:", "x")


def _part_markers() -> Iterator[str]:
    head = "Content-Type: multipart/mixed; boundary=b\n\n"
    yield from ("--b\n", "--b\n\nx\n", "--b--\n", "--", "-", f"--b\n{head}", "--b x\n", "\n", " ")
    yield from (
        "begin 644 a\n",
        "begin 644 a\n#86)C\n`\nend\n",
        "=",
        "= ",
        "==",
        "=\n",
        "A",
        "\x00",
    )
    yield from (
        "--b\nContent-Type: text/calendar\n\nDESCRIPTION:a\\n\n",
        "DESCRIPTION;a=",
        "\udcfe",
    )


def _bounce_markers() -> Iterator[str]:
    yield from (
        "<a@b.example>: 550 no\n",
        "a@b.example\n",
        "a@",
        "<",
        "> ",
        "-",
        "the first ",
        "4.",
    )
    yield from ("delivery to ", "550 ", "could not be delivered ", "Recipient: ", "Message-ID:\n")
    yield from ("Final-Recipient: rfc822; a@b.example\nAction: failed\n\n", "Status:\n ", "\n", " ")
    yield from (
        "mailbox ",
        "quota ",
        "exceed ",
        "user ",
        "To: a@b.example\n",
        "{",
        '{"a":',
        "sender ",
    )
    yield from ("Feedback-Type: ", "this is an ", "report domain: ", "Your request ", "otomatik ")


_REPORT = (
    "From: MAILER-DAEMON@b.example\r\nContent-Type: multipart/report; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; a@b.example\r\n"
)
_PARTS = "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
_ENCODED = "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
_DAEMON = "From: MAILER-DAEMON@b.example\r\nSubject: failure notice\r\n\r\n"
_SNS = "From: no-reply@sns.amazonaws.com\r\nSubject: a\r\n\r\n"
_BOUNCES = frozenset(_bounce_markers())
_HALF_TEXT = TEXT_LIMIT // 2


_NUMBERS = frozenset(
    [
        "4",
        "4 ",
        "4242 ",
        "532-",
        "0532 111 22 33 ",
        "+9",
        "+90 ",
        "TR12",
        "NL91ABNA ",
        "()1",
        "293 048 571 10 ",
        "vkn 4561237896 ",
        "1,1",
        "1.111",
        "(",
        "siparis 5(TR124111 ",
        "12345 fatura ",
        "5 tl ",
        "12/12/12 ",
        "5 mayis ",
        "a@b.example ",
        "@a.",
    ]
)
_CONCERNS = frozenset(
    ["fatura ", "fatura", "iptal etmek ", "siparis 5(TR124111 ", "my order ", "a ", "i", " ", "\n"]
)
_LETTERS = frozenset(["ý", "þ ", "sayýlý ", "Ã¼", "ÅŸ", "Ã„Â±", "â€œ", "ğŸ", "i̇", "̇", "ạ́", "Þór\n"])


def _find_entities(text: str) -> object:
    return find_entities(text, fold(text))


def _hit_rules(text: str) -> object:
    return PACK.match(text, fold(text))


def _repair(text: str) -> object:
    return repair_mojibake(compose(text))


_WORDS = frozenset(_mail_markers())
PARSERS = [
    Parser("own words", lambda text: own_words(text, is_reply=True), _WORDS, long_chars=_HALF_TEXT),
    Parser(
        "own words of no reply",
        lambda text: own_words(text, is_reply=False),
        _WORDS,
        long_chars=_HALF_TEXT,
    ),
    Parser("forwards", lambda text: read_original(text, "Fwd: a"), _WORDS),
    Parser("calls", _hear, frozenset(_CALL_MARKERS), long_chars=_HALF_TEXT),
    Parser("mail headers", _parse_headers, frozenset(_header_markers()), reads_lines=False),
    Parser("mail parts", _parse(_PARTS), frozenset(_part_markers()), reads_lines=False),
    Parser("mail encoded", _parse(_ENCODED), frozenset(_part_markers()), reads_lines=False),
    Parser("bounces", _parse(_DAEMON), _BOUNCES, reads_lines=False),
    Parser("delivery reports", _parse(_REPORT), _BOUNCES, reads_lines=False),
    Parser("notices of SNS", _parse(_SNS), _BOUNCES, reads_lines=False),
    Parser("html", to_text, frozenset(_html_markers()), reads_lines=False),
    Parser("entities", _find_entities, _NUMBERS, reads_lines=False),
    Parser("personal numbers", find_personal_numbers, _NUMBERS, reads_lines=False),
    Parser("rules", _hit_rules, _CONCERNS, reads_lines=False),
    Parser("letters", _repair, _LETTERS, reads_lines=False),
]


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    """Stop the garbage collector: its cost is that of everything alive in the test process."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _repeat(marker: str, chars: int) -> str:
    return marker * (chars // len(marker))


def _cpu_time(function: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    function(text)
    return time.process_time() - began


def _cost_growth(function: Callable[[str], object], pattern: str, chars: int) -> float:
    """Return how much more the long input costs than the short one; 0 where it costs nothing."""
    text = _repeat(pattern, chars)
    first = _cpu_time(function, text)
    if first < HARMLESS_S:
        return 0
    short = _repeat(pattern, chars // GROWTH)
    before = min(_cpu_time(function, short) for _ in range(3))
    if first < MAX_COST_GROWTH * before:
        return first / before
    after = min(first, *(_cpu_time(function, text) for _ in range(2)))
    return after / max(before, HARMLESS_S / MAX_COST_GROWTH)


def _patterns(parser: Parser) -> Iterator[str]:
    for marker in sorted(filter(None, parser.markers)):
        yield marker
        if parser.reads_lines and "\n" not in marker:
            yield f"{marker}\n"


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_no_repeated_marker_costs_more_than_its_length(parser: Parser) -> None:
    for pattern in _patterns(parser):
        growth = _cost_growth(parser.function, pattern, parser.long_chars)
        assert growth < MAX_COST_GROWTH, repr(pattern)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
@pytest.mark.parametrize("separator", ["", "\n"])
def test_all_markers_together_cost_no_more_than_their_length(
    parser: Parser, separator: str
) -> None:
    pattern = separator.join(sorted(parser.markers)) + separator
    assert _cost_growth(parser.function, pattern, MIX_CHARS) < MAX_COST_GROWTH


@pytest.mark.parametrize("line", ["1\n", "A:\n"])
def test_a_megabyte_of_short_lines_of_a_call_costs_less_than_a_delivery_may(line: str) -> None:
    """The role of a label is looked up once, not at each of its hundred thousand lines."""
    assert _cpu_time(_hear, _repeat(line, MIX_CHARS)) < ParsersSettings().cpu.total_seconds()
