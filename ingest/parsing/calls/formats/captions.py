"""WebVTT and SRT: cues with times, and who speaks where the file says so.

Broken files are read as far as they go, kinder than the standard, and it is said what was mended.
Source: W3C WebVTT, sections 4 and 6; SubRip as players read it. Pure.
"""

import re

from ingest.parsing.calls.transcript import Heard, Said
from ingest.parsing.html.tokens import resolve

_TIME = r"(?:(\d{1,9}):)?(\d{1,9}):(\d{1,2})(?:[.,](\d{1,3}))?"
_CUE = re.compile(rf"^\s*{_TIME}\s*(?:--?|[\u2013\u2014])>\s*{_TIME}(.*)$")
_SRT_INDEX = re.compile(r"^\s*\d{1,9}\s*$")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]+([^<>\n]*)>", re.IGNORECASE)
_STAMP = re.compile(r"<[ \t]{0,9}\d[\d:.]*>")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|</?>|\{\\[^{}]*\}")
_UNCLOSED = re.compile(
    r"</?(?:(?:c|i|b|u|v|ruby|rt)(?:\.[^\s<>]*)?|lang(?: [a-z]{2,3}(?:-\w{2,8}){0,3})?)(?![^\s<>])",
    re.IGNORECASE,
)
"""The mark of a tag that never closes: what stands behind it may be words, and stays."""
_RUBY = re.compile(r"</?rt(?:\.[^\s<>]*)?>", re.IGNORECASE)
"""What is written above a word: said or not, none of it is lost."""
_APART = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
_SPACES = re.compile(r"[^\S\n]+")


MAX_ROLLED_LINES = 8
"""Roll-up captions repeat at most so many rows; televisions show four."""


def webvtt(text: str) -> Heard:
    """Return the cues of a WebVTT file as turns."""
    repaired: list[str] = []
    lines = re.split(r"\r\n|\n|\r", text.replace("\0", "\ufffd"))
    head = lines[0].lstrip("\ufeff") if lines else ""
    at = 0
    if re.match(r"^WEBVTT(?:[ \t]|$)", head):
        # The header goes on to the first blank line, or to a line that is already a cue's.
        at = 1
        while at < len(lines) and lines[at].strip() and not _timing(lines[at]):
            at += 1
    else:
        repaired.append("webvtt.header")
    turns = _cues(lines[at:], repaired, srt=False)
    return Heard(form="webvtt", turns=turns, repaired=list(dict.fromkeys(repaired)))


def srt(text: str) -> Heard:
    """Return the cues of a SubRip file as turns."""
    repaired: list[str] = []
    lines = re.split(r"\r\n|\n|\r", text.lstrip("\ufeff").replace("\0", "\ufffd"))
    return Heard(
        form="srt", turns=_cues(lines, repaired, srt=True), repaired=list(dict.fromkeys(repaired))
    )


def _cues(lines: list[str], repaired: list[str], *, srt: bool) -> list[Said]:
    """Return a turn for each cue that says something, in the order of time."""
    turns: list[Said] = []
    at, skipping = 0, False
    while at < len(lines):
        line = lines[at]
        timing = _timing(line)
        if timing is None:
            if "-->" in line and not skipping:
                repaired.append("cue.times")
            if not line.strip():
                skipping = False
            elif not skipping and _APART.match(line):
                skipping = True  # to the next blank line
            at += 1
            continue
        if skipping and not srt:
            skipping = False
        start, end, rest = timing
        body, at = _body(lines, at + 1, srt=srt)
        if srt and rest.strip() and not re.match(r"^\s*[XY]\d", rest):
            body.insert(0, rest.strip())
        if end <= start:
            repaired.append("cue.times")
        turns += _spoken("\n".join(body), start, end)
    ordered = sorted(turns, key=lambda t: t.start)
    if ordered != turns:
        repaired.append("cue.order")
    return _rolled(ordered, repaired)


def _timing(line: str) -> tuple[float, float, str] | None:
    """Return start, end and what follows them, None when the line is no timing."""
    found = _CUE.match(line) if ">" in line else None
    if found is None:
        return None
    begin, end = _seconds(found.group(1, 2, 3, 4)), _seconds(found.group(5, 6, 7, 8))
    return None if begin is None or end is None else (begin, end, found[9])


def _seconds(parts: tuple[str | None, ...]) -> float | None:
    hours, minutes, seconds, fraction = parts
    first, last = int(minutes or 0), int(seconds or 0)
    if last > 59 or (hours is not None and first > 59):
        return None
    behind = float(f"0.{fraction}") if fraction else 0.0
    if hours is None and (first > 59 or len(minutes or "") > 2):
        return first * 3600 + last * 60 + behind  # the standard takes that for hours and minutes
    return int(hours or 0) * 3600 + first * 60 + last + behind


def _body(lines: list[str], at: int, *, srt: bool) -> tuple[list[str], int]:
    """Return the lines of a cue and where the next begins."""
    body: list[str] = []
    while at < len(lines):
        line = lines[at]
        if _timing(line) is not None:
            # The line before it was the next cue's number or name, unless the text goes on.
            if srt and body and _SRT_INDEX.match(body[-1]):
                body.pop()
            break
        if not srt and "-->" in line:
            at += 1
            break
        if not srt and line == "":
            text = _text_below(lines, at) if not body else None
            if text is None:
                at += 1
                break
            at = text
            continue
        # In SubRip a blank line may stand in the text: the cue ends at a number and a time.
        if srt and not line.strip():
            below = _filled(lines, at)
            if _ends(lines, below):
                break
            body += lines[at:below]
            at = below
            continue
        body.append(line)
        at += 1
    while body and not body[-1].strip():
        body.pop()
    return body, at


def _text_below(lines: list[str], at: int) -> int | None:
    """Return where a cue's text begins that Teams writes below an empty line, None without one."""
    below = _filled(lines, at)
    if below == len(lines) or "-->" in lines[below] or _APART.match(lines[below]):
        return None
    # The last line above a time is the next cue's name.
    following = lines[below + 1] if below + 1 < len(lines) else ""
    return None if "-->" in following else below


def _filled(lines: list[str], at: int) -> int:
    """Return the first line from `at` on that is not blank; their number when all are."""
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at


def _ends(lines: list[str], rest: int) -> bool:
    """Say whether at this line, the first below blank ones, a new cue begins, or nothing."""
    if rest >= len(lines) or _timing(lines[rest]) is not None:
        return True
    below = _filled(lines, rest + 1)
    following = lines[below] if below < len(lines) else ""
    return bool(_SRT_INDEX.match(lines[rest])) and _timing(following) is not None


def _spoken(body: str, start: float, end: float) -> list[Said]:
    """Return the turns in a cue's text: one for each voice in it."""
    marks = list(_VOICE.finditer(body))
    pieces: list[tuple[str, str]] = []
    if not marks or plain(body[: marks[0].start()]):
        pieces.append(("", body[: marks[0].start()] if marks else body))
    for number, mark in enumerate(marks):
        until = marks[number + 1].start() if number + 1 < len(marks) else len(body)
        pieces.append((plain(mark[1]), body[mark.end() : until]))
    made = []
    for voice, piece in pieces:
        text = plain(piece)
        if text:
            made.append(Said(speaker=voice, text=text, start=start, end=end))
    return made


def plain(text: str) -> str:
    """Return a cue's text without tags, with its character references resolved."""
    text = _UNCLOSED.sub("", _TAG.sub("", _STAMP.sub("", _RUBY.sub(" ", text))))
    text = resolve(text).replace("\u200e", "").replace("\u200f", "")
    lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
    return "\n".join(line for line in lines if line)


def _rolled(turns: list[Said], repaired: list[str]) -> list[Said]:
    """Return the turns without what roll-up captions repeat of the one before."""
    made: list[Said] = []
    shown: list[str] = []
    for turn in turns:
        lines = turn.text.split("\n")
        same = made and turn.speaker == made[-1].speaker and turn.start - made[-1].end < 0.5
        if same and len(shown) > 0 and (len(lines) > 1 or len(shown) > 1):
            for size in range(min(len(lines), len(shown), MAX_ROLLED_LINES), 0, -1):
                if shown[-size:] == lines[:size] and len(lines) > size:
                    turn.text = "\n".join(lines[size:])
                    repaired.append("cue.repeats")
                    break
        shown = lines
        made.append(turn)
    return made
