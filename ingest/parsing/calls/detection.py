"""Which form a transcript has, by its own bytes: names of files lie. Pure.

Before: a file was dropped, a webhook came. After: the reader of that form.
"""

import re
from collections.abc import Callable

import msgspec

from ingest.parsing.calls import broken_json
from ingest.parsing.calls.formats import (
    amazon,
    assembly,
    azure,
    captions,
    contact_centres,
    deepgram,
    google,
    plain_text,
    twilio,
    vcon,
    whisper,
)
from ingest.parsing.calls.transcript import Heard, Said
from ingest.parsing.letters.charset import decode
from schemas.errors import Rejected

Keys = dict[str, msgspec.Raw]
_LISTS = ("conversation", "turns", "messages", "dialogue", "entries", "transcript")
_TEXTS = ("transcript", "transcription", "transcription_text", "full_transcript")
_PASSING = frozenset({"transcribing", "transcript.text.delta", "partialcontent", "started"})


def heard(raw: bytes) -> Heard:
    """Return the call in a transcript of any known form; raise Rejected when it is none."""
    raw = vcon.unpacked(raw)
    if not raw.strip(b" \t\r\n\0\xef\xbb\xbf"):
        raise Rejected("call.empty", "there is nothing in it")
    body = raw.removeprefix(b"\xef\xbb\xbf").lstrip()
    if body[:1] in b"{[":
        try:
            return _json(body)
        except Rejected as error:
            # "[00:01] Müşteri: …" and "[Müşteri] …" begin like a list, and are none.
            if not re.match(rb"\[[^\]\[{\"\n]{1,80}\]", body) or error.code != "json.malformed":
                raise
    return _text(raw)


def _text(raw: bytes) -> Heard:
    text, repaired = _decoded(raw)
    head = text.lstrip("\ufeff")
    if re.match(r"^WEBVTT(?:[ \t\r\n]|$)", head):
        made = captions.webvtt(text)
    elif re.search(
        r"^[ \t]{0,99}(?:\d{1,9}:)?\d{1,2}:\d{1,2}(?:[.,]\d{1,3})?[ \t]{0,99}-->\s{0,99}\d",
        head,
        re.MULTILINE,
    ):
        comma = re.search(r"\d,\d{1,3}\s{0,99}-->", head) or re.match(r"^\s*\d{1,9}\s*[\r\n]", head)
        made = captions.srt(text) if comma else captions.webvtt(text)
    else:
        made = plain_text.text(text)
    made.repaired = [*repaired, *made.repaired]
    _named(made)
    return made


def _decoded(raw: bytes) -> tuple[str, list[str]]:
    for mark, name in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if raw.startswith(mark):
            return raw[2:].decode(name, "replace"), []
    if raw[1:2] == b"\0" and raw[3:4] == b"\0":
        return raw.decode("utf-16-le", "replace"), ["charset.guessed"]
    if raw[:1] == b"\0" and raw[2:3] == b"\0":
        return raw.decode("utf-16-be", "replace"), ["charset.guessed"]
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return decode(raw)[0], ["charset.guessed"]


def _named(made: Heard) -> None:
    """Take "Name: words" in captions apart; a cue without a name goes on with the last one's."""
    if made.form == "text" or any(t.speaker for t in made.turns):
        return
    labels = plain_text.labels_in([t.text.replace("\n", " ") for t in made.turns])
    last, found = "", False
    for turn in made.turns:
        told = plain_text.labelled(turn.text.replace("\n", " "), labels)
        if told is not None:
            turn.speaker, turn.text, found = told[0], told[1], True
            last = turn.speaker
        elif found:
            turn.speaker = last
    made.turns = [t for t in made.turns if t.text]


def _json(body: bytes) -> Heard:
    if body[:1] == b"[":
        return _listed(body)
    try:
        keys: Keys = msgspec.json.decode(body, type=Keys)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        repaired = broken_json.repair_json(body)
        if repaired == body:
            raise Rejected("json.malformed", str(error)) from error
        made = _json(repaired)
        made.repaired.append("json.malformed")
        return made
    if {"payload", "signatures"} <= keys.keys():
        inner, flag = vcon.signed(body)
        made = heard(inner)
        made.flags.append(flag)
        return made
    if {"ciphertext", "recipients"} <= keys.keys():
        raise vcon.encrypted(body)
    why = _passing(keys)
    if why:
        raise Rejected("delivery.ignored", f"no transcript: {why}")
    for fits, reader in _FORMS:
        if fits(keys):
            return _with_words(reader(body), body)
    for wrapper in (
        "transcript",
        "transcription",
        "data",
        "response",
        "result",
        "payload",
        "detail",
    ):
        if bytes(keys.get(wrapper, msgspec.Raw()))[:1] == b"{":
            return _json(bytes(keys[wrapper]))
    wrapped = _google_batch(keys)
    if wrapped:
        return google.google(wrapped)
    raise Rejected(
        "call.unknown_form", f"no known transcript: its keys are {', '.join(list(keys)[:12])}"
    )


def _with_words(made: Heard, body: bytes) -> Heard:
    """Return the call; with all its words as one turn where its turns have none."""
    known = any(turn.text for turn in made.turns) or "speech.invented" in made.repaired
    if not known and (words := broken_json.find_words(body)):
        made.turns = [Said(speaker="", text=words)]
        made.repaired.append("call.no_turns")
    return made


def _written(body: bytes) -> Heard:
    """Return a transcript that is one text in an object."""
    keys = msgspec.json.decode(body, type=Keys)
    text: str = msgspec.json.decode(next(keys[n] for n in _TEXTS if _is(keys, n, b'"')), type=str)
    return _text(text.encode())


def _under(body: bytes) -> Heard:
    """Return the turns in an object that is only their wrapping."""
    keys = msgspec.json.decode(body, type=Keys)
    return _listed(bytes(next(keys[n] for n in _LISTS if _is(keys, n, b"["))))


def _listed(body: bytes) -> Heard:
    """Return a bare list of turns, as some put it: [{"speaker", "text"}]."""
    made = vcon.vcon(b'{"analysis":[{"type":"transcript","body":' + body + b"}]}")
    made.form = "list"
    return made


def _is(keys: Keys, name: str, kind: bytes) -> bool:
    return bytes(keys.get(name, msgspec.Raw()))[:1] == kind


def _has(keys: Keys, name: str, inner: str) -> bool:
    """Say whether an object of that name holds a key."""
    if not _is(keys, name, b"{"):
        return False
    try:
        return inner in msgspec.json.decode(keys[name], type=Keys)
    except (msgspec.DecodeError, RecursionError):
        return False


def _google_batch(keys: Keys) -> bytes | None:
    """Return the transcript in a batch answer: results by the address of each file."""
    if not _is(keys, "results", b"{"):
        return None
    try:
        for one in msgspec.json.decode(keys["results"], type=dict[str, Keys]).values():
            found = one
            for name in ("inlineResult", "transcript"):
                if name in found:
                    found = msgspec.json.decode(found[name], type=Keys)
            if "results" in found:
                return b'{"results":' + bytes(found["results"]) + b"}"
    except (msgspec.DecodeError, RecursionError):
        return None
    return None


def _passing(keys: Keys) -> str:
    """Return why something of a recogniser is no transcript yet, or never will be."""
    told = {}
    for name in (
        "type",
        "EventType",
        "event_type",
        "status",
        "is_final",
        "Final",
        "isFinal",
        "end_of_turn",
        "IsPartial",
        "detail-type",
    ):
        raw = bytes(keys.get(name, msgspec.Raw()))
        if raw and len(raw) < 200:
            told[name] = raw.decode("utf-8", "replace").strip('"').lower()
    if "PartialContent" in keys or told.get("IsPartial") == "true":
        return "a part of a turn"
    if any(told.get(n) == "false" for n in ("is_final", "Final", "isFinal", "end_of_turn")):
        return "not final"
    if told.get("EventType") in ("started", "failed", "completed") and "Transcript" not in keys:
        return f"the event {told['EventType']}"
    if told.get("type", "") in _PASSING:
        return told["type"]
    if told.get("status") in ("queued", "processing", "in-progress", "new", "in_progress"):
        return f"its status is {told['status']}"
    if "detail-type" in told or ("transcript_id" in keys and "text" not in keys):
        return "a notice: its text is to be asked for"
    if told.get("type") == "results" and _is(keys, "channel", b"{"):
        return "a live result"
    if told.get("event_type") == "voice_intelligence_transcript_available":
        return "a notice: its text is to be asked for"
    return ""


_FORMS: tuple[tuple[Callable[[Keys], bool], Callable[[bytes], Heard]], ...] = (
    (
        lambda k: (
            _is(k, "parties", b"[")
            or _is(k, "dialog", b"[")
            or "vcon" in k
            or _is(k, "analysis", b"[")
        ),
        vcon.vcon,
    ),
    (lambda k: _is(k, "Transcript", b"[") or _is(k, "Segments", b"["), amazon.amazon),
    (lambda k: _has(k, "results", "items") or "jobName" in k, amazon.transcribe),
    (lambda k: _is(k, "sentences", b"["), twilio.twilio),
    (
        lambda k: _has(k, "results", "channels") or _has(k, "results", "utterances"),
        deepgram.deepgram,
    ),
    (
        lambda k: _is(k, "transcriptSegments", b"[") or _has(k, "transcript", "transcriptSegments"),
        google.insights,
    ),
    (lambda k: _is(k, "results", b"["), google.google),
    (
        lambda k: (
            _is(k, "recognizedPhrases", b"[")
            or _is(k, "combinedPhrases", b"[")
            or _is(k, "phrases", b"[")
        ),
        azure.azure,
    ),
    (
        lambda k: "audio_url" in k or "acoustic_model" in k or _is(k, "utterances", b"["),
        assembly.assembly,
    ),
    (lambda k: _is(k, "transcription", b"["), whisper.whisper_cpp),
    (lambda k: _is(k, "segments", b"["), whisper.whisper),
    (lambda k: _is(k, "transcripts", b"["), contact_centres.genesys),
    (lambda k: _has(k, "content", "utterances"), contact_centres.aircall),
    (lambda k: _is(k, "lines", b"["), contact_centres.dialpad),
    (lambda k: any(_is(k, n, b"[") for n in _LISTS), _under),
    (lambda k: _is(k, "words", b"[") and "transcript" in k, deepgram.deepgram_best),
    (lambda k: _is(k, "text", b'"'), whisper.whisper),
    (lambda k: any(_is(k, n, b'"') for n in _TEXTS), _written),
)
"""Forms in the order they are tried: the first that fits is taken."""
