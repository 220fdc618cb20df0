"""WebVTT and SRT, which are cues with times, and with speakers where the file names them. Pure.

Broken files are read as far as possible, further than the standard requires, and the repairs are
reported. Source: W3C WebVTT, sections 4 and 6, and the common players' reading of SubRip.
"""

import re

from ingest.parsing.calls.transcript import Transcript, Utterance
from ingest.parsing.html.tokens import resolve

_TIME = r"(?:(\d{1,9}):)?(\d{1,9}):(\d{1,2})(?:[.,](\d{1,3}))?"
_CUE = re.compile(rf"^\s*{_TIME}\s*(?:--?|[\u2013\u2014])>\s*{_TIME}(.*)$")
_SRT_INDEX = re.compile(r"^\s*\d{1,9}\s*$")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?[ \t]+([^<>\n]*)>", re.IGNORECASE)
_TIMESTAMP = re.compile(r"<[ \t]{0,9}\d[\d:.]*>")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|</?>|\{\\[^{}]*\}")
_UNCLOSED = re.compile(
    r"</?(?:(?:c|i|b|u|v|ruby|rt)(?:\.[^\s<>]*)?|lang(?: [a-z]{2,3}(?:-\w{2,8}){0,3})?)(?![^\s<>])",
    re.IGNORECASE,
)
"""The beginning of a tag that never closes. The text behind it may be words and is kept."""
_RUBY = re.compile(r"</?rt(?:\.[^\s<>]*)?>", re.IGNORECASE)
"""The text above a word is kept, because it may be spoken."""
_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
_SPACES = re.compile(r"[^\S\n]+")


_MAX_ROLL_GAP_S = 0.5
"""A cue that begins later than this after another one does not repeat its lines."""

MAX_ROLLED_LINES = 8
"""Roll-up captions repeat at most this many lines, twice those that televisions show."""


def parse_webvtt(text: str) -> Transcript:
    """Return the cues of a WebVTT file as utterances."""
    lines = re.split(r"\r\n|\n|\r", text.replace("\0", "\ufffd"))
    repaired: list[str] = []
    head = lines[0].lstrip("\ufeff") if lines else ""
    index = 0
    if re.match(r"^WEBVTT(?:[ \t]|$)", head):
        # The header ends at the first blank line, or at the timing of a cue.
        index = 1
        while index < len(lines) and lines[index].strip() and not _timing(lines[index]):
            index += 1
    else:
        repaired.append("webvtt.header")
    utterances, repairs = _parse_cues(lines[index:], srt=False)
    repaired += repairs
    return Transcript(form="webvtt", turns=utterances, repaired=list(dict.fromkeys(repaired)))


def parse_srt(text: str) -> Transcript:
    """Return the cues of a SubRip file as utterances."""
    lines = re.split(r"\r\n|\n|\r", text.lstrip("\ufeff").replace("\0", "\ufffd"))
    utterances, repaired = _parse_cues(lines, srt=True)
    return Transcript(form="srt", turns=utterances, repaired=list(dict.fromkeys(repaired)))


def _parse_cues(lines: list[str], *, srt: bool) -> tuple[list[Utterance], list[str]]:
    """Return the utterances of all cues in the order of time, and the codes of the repairs."""
    utterances: list[Utterance] = []
    repaired: list[str] = []
    index, skipping = 0, False
    while index < len(lines):
        line = lines[index]
        timing = _timing(line)
        if timing is None:
            if "-->" in line and not skipping:
                repaired.append("cue.times")
            if not line.strip():
                skipping = False
            elif not skipping and _BLOCK.match(line):
                skipping = True  # to the next blank line
            index += 1
            continue
        if skipping and not srt:
            skipping = False
        start, end, rest = timing
        body, index = _cue_lines(lines, index + 1, srt=srt)
        if srt and rest.strip() and not re.match(r"^\s*[XY]\d", rest):
            body.insert(0, rest.strip())
        if end <= start:
            repaired.append("cue.times")
        utterances += _utterances("\n".join(body), start, end)
    ordered = sorted(utterances, key=lambda u: u.start)
    if ordered != utterances:
        repaired.append("cue.order")
    unrolled, repairs = _unroll(ordered)
    return unrolled, repaired + repairs


def _timing(line: str) -> tuple[float, float, str] | None:
    """Return start, end and the settings behind them, None when the line is not a timing."""
    match = _CUE.match(line) if ">" in line else None
    if match is None:
        return None
    start, end = _seconds(match.group(1, 2, 3, 4)), _seconds(match.group(5, 6, 7, 8))
    return None if start is None or end is None else (start, end, match[9])


def _seconds(parts: tuple[str | None, ...]) -> float | None:
    hours, minutes, seconds, fraction = parts
    first, last = int(minutes or 0), int(seconds or 0)
    if last > 59 or (hours is not None and first > 59):
        return None
    fraction_s = float(f"0.{fraction}") if fraction else 0.0
    if hours is None and (first > 59 or len(minutes or "") > 2):
        return first * 3600 + last * 60 + fraction_s  # the standard reads it as hours and minutes
    return int(hours or 0) * 3600 + first * 60 + last + fraction_s


def _cue_lines(lines: list[str], start: int, *, srt: bool) -> tuple[list[str], int]:
    """Return the lines of the cue that begin at `start`, and the index of the line behind it."""
    index = start
    body: list[str] = []
    while index < len(lines):
        line = lines[index]
        if _timing(line) is not None:
            # In SubRip the line above a timing is the number of the next cue.
            if srt and body and _SRT_INDEX.match(body[-1]):
                body.pop()
            break
        if not srt and "-->" in line:
            index += 1
            break
        if not srt and line == "":
            text = _text_below(lines, index) if not body else None
            if text is None:
                index += 1
                break
            index = text
            continue
        # A SubRip text may contain blank lines; the cue ends at a number and a timing.
        if srt and not line.strip():
            below = _next_filled(lines, index)
            if _ends_cue(lines, below):
                break
            body += lines[index:below]
            index = below
            continue
        body.append(line)
        index += 1
    while body and not body[-1].strip():
        body.pop()
    return body, index


def _text_below(lines: list[str], index: int) -> int | None:
    """Return the index of the text that Teams writes below an empty line, None without one."""
    below = _next_filled(lines, index)
    if below == len(lines) or "-->" in lines[below] or _BLOCK.match(lines[below]):
        return None
    # The line above a timing is the name of the next cue.
    following = lines[below + 1] if below + 1 < len(lines) else ""
    return None if "-->" in following else below


def _next_filled(lines: list[str], start: int) -> int:
    """Return the index of the first line with text, or the number of lines."""
    index = start
    while index < len(lines) and not lines[index].strip():
        index += 1
    return index


def _ends_cue(lines: list[str], index: int) -> bool:
    """Say whether a new cue begins at this line below a blank one, or the file ends."""
    if index >= len(lines) or _timing(lines[index]) is not None:
        return True
    below = _next_filled(lines, index + 1)
    following = lines[below] if below < len(lines) else ""
    return bool(_SRT_INDEX.match(lines[index])) and _timing(following) is not None


def _utterances(body: str, start: float, end: float) -> list[Utterance]:
    """Return an utterance for each voice in the text of a cue."""
    voices = list(_VOICE.finditer(body))
    pieces: list[tuple[str, str]] = []
    if not voices or strip_tags(body[: voices[0].start()]):
        pieces.append(("", body[: voices[0].start()] if voices else body))
    for number, voice in enumerate(voices):
        following = voices[number + 1].start() if number + 1 < len(voices) else len(body)
        pieces.append((strip_tags(voice[1]), body[voice.end() : following]))
    utterances = []
    for speaker, piece in pieces:
        text = strip_tags(piece)
        if text:
            utterances.append(Utterance(speaker=speaker, text=text, start=start, end=end))
    return utterances


def strip_tags(text: str) -> str:
    """Return a cue's text without tags, with its character references resolved."""
    text = _UNCLOSED.sub("", _TAG.sub("", _TIMESTAMP.sub("", _RUBY.sub(" ", text))))
    text = resolve(text).replace("\u200e", "").replace("\u200f", "")
    lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
    return "\n".join(line for line in lines if line)


def _unroll(utterances: list[Utterance]) -> tuple[list[Utterance], list[str]]:
    """Return the utterances without lines repeated from the previous cue, and the repairs."""
    unrolled: list[Utterance] = []
    repaired: list[str] = []
    shown: list[str] = []
    for utterance in utterances:
        lines = utterance.text.split("\n")
        last = unrolled[-1] if unrolled else None
        follows = (
            last
            and utterance.speaker == last.speaker
            and utterance.start - last.end < _MAX_ROLL_GAP_S
        )
        if follows and shown and (len(lines) > 1 or len(shown) > 1):
            for size in range(min(len(lines), len(shown), MAX_ROLLED_LINES), 0, -1):
                if shown[-size:] == lines[:size] and len(lines) > size:
                    utterance.text = "\n".join(lines[size:])
                    repaired.append("cue.repeats")
                    break
        shown = lines
        unrolled.append(utterance)
    return unrolled, repaired
