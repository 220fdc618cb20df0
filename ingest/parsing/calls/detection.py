"""Detects the format of a transcript by its bytes, because the names of files are unreliable. Pure.

It takes a dropped file or a webhook's body, and calls the parser of its format.
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
    whisper,
)
from ingest.parsing.calls.formats.vcon.packaging import encrypted_error, open_signed, unpack_gzip
from ingest.parsing.calls.formats.vcon.parser import parse_vcon
from ingest.parsing.calls.transcript import Transcript, Utterance
from ingest.parsing.letters.charset import decode
from schemas.errors import Rejected

Keys = dict[str, msgspec.Raw]
_LIST_KEYS = ("conversation", "turns", "messages", "dialogue", "entries", "transcript")
_TEXT_KEYS = ("transcript", "transcription", "transcription_text", "full_transcript")
_PARTIAL_TYPES = frozenset({"transcribing", "transcript.text.delta", "partialcontent", "started"})


def parse_transcript(raw: bytes) -> Transcript:
    """Return the call in a transcript of any known format; raise Rejected for all other bytes."""
    raw = unpack_gzip(raw)
    if not raw.strip(b" \t\r\n\0\xef\xbb\xbf"):
        raise Rejected("call.empty", "there is nothing in it")
    body = raw.removeprefix(b"\xef\xbb\xbf").lstrip()
    if body[:1] in b"{[":
        try:
            return _parse_utf8_json(body)
        except Rejected as error:
            # "[00:01] Müşteri: …" and "[Müşteri] …" begin like a list of JSON.
            if not re.match(rb"\[[^\]\[{\"\n]{1,80}\]", body) or error.code != "json.malformed":
                raise
    return _parse_text(raw)


def _parse_text(raw: bytes) -> Transcript:
    text, repaired = _decode(raw)
    head = text.lstrip("\ufeff")
    if re.match(r"^WEBVTT(?:[ \t\r\n]|$)", head):
        transcript = captions.parse_webvtt(text)
    elif _CUE_TIMES.search(head):
        comma = re.search(r"\d,\d{1,3}\s{0,99}-->", head) or re.match(r"^\s*\d{1,9}\s*[\r\n]", head)
        transcript = captions.parse_srt(text) if comma else captions.parse_webvtt(text)
    else:
        transcript = plain_text.parse_plain_text(text)
    transcript.repaired = [*repaired, *transcript.repaired]
    _split_labels(transcript)
    return transcript


_CUE_TIMES = re.compile(
    r"^[ \t]{0,99}(?:\d{1,9}:)?\d{1,2}:\d{1,2}(?:[.,]\d{1,3})?[ \t]{0,99}-->\s{0,99}\d",
    re.MULTILINE,
)


def _decode(raw: bytes) -> tuple[str, list[str]]:
    """Return the text, and the repair when the charset is a guess."""
    for bom, charset in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if raw.startswith(bom):
            return raw[2:].decode(charset, "replace"), []
    if raw[1:2] == b"\0" and raw[3:4] == b"\0":
        return raw.decode("utf-16-le", "replace"), ["charset.guessed"]
    if raw[:1] == b"\0" and raw[2:3] == b"\0":
        return raw.decode("utf-16-be", "replace"), ["charset.guessed"]
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return decode(raw)[0], ["charset.guessed"]


def _split_labels(transcript: Transcript) -> None:
    """Take the speaker out of captions with `Name: words`.

    A cue without a name continues the previous one.
    """
    if transcript.form == "text" or any(t.speaker for t in transcript.turns):
        return
    labels = plain_text.labels_in([t.text.replace("\n", " ") for t in transcript.turns])
    speaker = ""
    for utterance in transcript.turns:
        label = plain_text.split_label(utterance.text.replace("\n", " "), labels)
        if label is not None:
            speaker, utterance.text, _ = label
        utterance.speaker = speaker
    transcript.turns = [t for t in transcript.turns if t.text]


def _parse_utf8_json(body: bytes) -> Transcript:
    """Return the transcript in JSON; raise Rejected when a text deep inside is not UTF-8."""
    try:
        return _parse_json(body)
    except UnicodeDecodeError as error:
        raise Rejected("json.malformed", str(error)) from error


def _parse_json(body: bytes) -> Transcript:
    if body[:1] == b"[":
        return _parse_list(body)
    try:
        keys: Keys = msgspec.json.decode(body, type=Keys)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        repaired = broken_json.repair_json(body)
        if repaired == body:
            raise Rejected("json.malformed", str(error)) from error
        transcript = _parse_json(repaired)
        transcript.repaired.append("json.malformed")
        return transcript
    if {"payload", "signatures"} <= keys.keys():
        signed, flag = open_signed(body)
        transcript = parse_transcript(signed)
        transcript.flags.append(flag)
        return transcript
    if {"ciphertext", "recipients"} <= keys.keys():
        raise encrypted_error(body)
    reason = _not_final(keys)
    if reason:
        raise Rejected("delivery.ignored", f"not a transcript: {reason}")
    return _parse_vendor_json(body, keys)


_WRAPPERS = ("transcript", "transcription", "data", "response", "result", "payload", "detail")


def _parse_vendor_json(body: bytes, keys: Keys) -> Transcript:
    """Return the transcript of the first vendor whose keys are there, or of a wrapped object."""
    for fits, parse in _PARSERS:
        if fits(keys):
            return _with_words(parse(body), body)
    for wrapper in _WRAPPERS:
        if bytes(keys.get(wrapper, msgspec.Raw()))[:1] == b"{":
            return _parse_json(bytes(keys[wrapper]))
    wrapped = _google_batch(keys)
    if wrapped:
        return google.parse_google(wrapped)
    raise Rejected(
        "call.unknown_form", f"no known transcript: its keys are {', '.join(list(keys)[:12])}"
    )


def _with_words(transcript: Transcript, body: bytes) -> Transcript:
    """Return the call, with all its words as one utterance when its utterances have none."""
    has_words = any(t.text for t in transcript.turns) or "speech.invented" in transcript.repaired
    if not has_words and (words := broken_json.find_words(body)):
        transcript.turns = [Utterance(speaker="", text=words)]
        transcript.repaired.append("call.no_turns")
    return transcript


def _parse_text_key(body: bytes) -> Transcript:
    """Return a transcript that is a single text in an object."""
    keys = msgspec.json.decode(body, type=Keys)
    text: str = msgspec.json.decode(
        next(keys[n] for n in _TEXT_KEYS if _is(keys, n, b'"')), type=str
    )
    return _parse_text(text.encode())


def _parse_list_key(body: bytes) -> Transcript:
    """Return the utterances in an object that only wraps them."""
    keys = msgspec.json.decode(body, type=Keys)
    return _parse_list(bytes(next(keys[n] for n in _LIST_KEYS if _is(keys, n, b"["))))


def _parse_list(body: bytes) -> Transcript:
    """Return the call of a bare list of utterances, such as `[{"speaker", "text"}]`."""
    transcript = parse_vcon(b'{"analysis":[{"type":"transcript","body":' + body + b"}]}")
    transcript.form = "list"
    return transcript


def _is(keys: Keys, name: str, kind: bytes) -> bool:
    return bytes(keys.get(name, msgspec.Raw()))[:1] == kind


def _has(keys: Keys, name: str, inner: str) -> bool:
    """Say whether the object under a key has an inner key."""
    if not _is(keys, name, b"{"):
        return False
    try:
        return inner in msgspec.json.decode(keys[name], type=Keys)
    except (msgspec.DecodeError, RecursionError):
        return False


def _google_batch(keys: Keys) -> bytes | None:
    """Return the transcript in a batch answer, which has results by the address of each file."""
    if not _is(keys, "results", b"{"):
        return None
    try:
        for result in msgspec.json.decode(keys["results"], type=dict[str, Keys]).values():
            inner = result
            for name in ("inlineResult", "transcript"):
                if name in inner:
                    inner = msgspec.json.decode(inner[name], type=Keys)
            if "results" in inner:
                return b'{"results":' + bytes(inner["results"]) + b"}"
    except (msgspec.DecodeError, RecursionError):
        return None
    return None


def _not_final(keys: Keys) -> str:
    """Return why an object is not a final transcript, else an empty text."""
    values = {}
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
            values[name] = raw.decode("utf-8", "replace").strip('"').lower()
    if "PartialContent" in keys or values.get("IsPartial") == "true":
        return "a part of a turn"
    if any(values.get(n) == "false" for n in ("is_final", "Final", "isFinal", "end_of_turn")):
        return "not final"
    if values.get("EventType") in ("started", "failed", "completed") and "Transcript" not in keys:
        return f"the event {values['EventType']}"
    if values.get("type", "") in _PARTIAL_TYPES:
        return values["type"]
    if values.get("status") in ("queued", "processing", "in-progress", "new", "in_progress"):
        return f"its status is {values['status']}"
    if "detail-type" in values or ("transcript_id" in keys and "text" not in keys):
        return "a notice: its text is to be asked for"
    if values.get("type") == "results" and _is(keys, "channel", b"{"):
        return "a live result"
    if values.get("event_type") == "voice_intelligence_transcript_available":
        return "a notice: its text is to be asked for"
    return ""


_PARSERS: tuple[tuple[Callable[[Keys], bool], Callable[[bytes], Transcript]], ...] = (
    (
        lambda k: (
            _is(k, "parties", b"[")
            or _is(k, "dialog", b"[")
            or "vcon" in k
            or _is(k, "analysis", b"[")
        ),
        parse_vcon,
    ),
    (lambda k: _is(k, "Transcript", b"[") or _is(k, "Segments", b"["), amazon.parse_contact_lens),
    (lambda k: _has(k, "results", "items") or "jobName" in k, amazon.parse_transcribe),
    (lambda k: _is(k, "sentences", b"["), twilio.parse_twilio),
    (
        lambda k: _has(k, "results", "channels") or _has(k, "results", "utterances"),
        deepgram.parse_deepgram,
    ),
    (
        lambda k: _is(k, "transcriptSegments", b"[") or _has(k, "transcript", "transcriptSegments"),
        google.parse_insights,
    ),
    (lambda k: _is(k, "results", b"["), google.parse_google),
    (
        lambda k: (
            _is(k, "recognizedPhrases", b"[")
            or _is(k, "combinedPhrases", b"[")
            or _is(k, "phrases", b"[")
        ),
        azure.parse_azure,
    ),
    (
        lambda k: "audio_url" in k or "acoustic_model" in k or _is(k, "utterances", b"["),
        assembly.parse_assemblyai,
    ),
    (lambda k: _is(k, "transcription", b"["), whisper.parse_whisper_cpp),
    (lambda k: _is(k, "segments", b"["), whisper.parse_whisper),
    (lambda k: _is(k, "transcripts", b"["), contact_centres.parse_genesys),
    (lambda k: _has(k, "content", "utterances"), contact_centres.parse_aircall),
    (lambda k: _is(k, "lines", b"["), contact_centres.parse_dialpad),
    (lambda k: any(_is(k, n, b"[") for n in _LIST_KEYS), _parse_list_key),
    (lambda k: _is(k, "words", b"[") and "transcript" in k, deepgram.parse_deepgram_alternative),
    (lambda k: _is(k, "text", b'"'), whisper.parse_whisper),
    (lambda k: any(_is(k, n, b'"') for n in _TEXT_KEYS), _parse_text_key),
)
"""The first parser whose keys an object has reads it."""
