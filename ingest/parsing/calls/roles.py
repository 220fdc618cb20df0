"""Assigns the roles of agent and customer: declared, by number, by track, by label, or by a guess.

A guess needs two signs that agree and a margin, and has a confidence. Without them no role is
assigned, because a wrong role would read the agent's polite words as the customer's. Pure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ingest.parsing.calls.formats.plain_text import role_of
from ingest.parsing.calls.transcript import Role, Transcript, Utterance
from schemas.text.fold import fold

RoleMethod = Literal["declared", "number", "channel", "label", "guess", "unknown"]


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b")


_AGENT = (
    _any("how (?:can|may) i (?:help|assist)", r"my name is \w+ how"),
    _any("nasil yardimci olabilirim", "size nasil yardim", "hos geldiniz"),
    _any(
        "baska (?:bir )?(?:yardimci|konu|sorunuz)",
        "yardimci olabilecegim",
        "kontrol ediyorum",
        "hatta kaldiginiz",
        "beklediginiz icin",
    ),
    _any(
        "anything else",
        "can you (?:please )?(?:confirm|verify)",
        "let me (?:check|look|pull)",
        "i do apologi[sz]e",
        "for security purposes",
        "i m calling (?:from|on behalf)",
    ),
    _any(
        r"\w+ [dt][ae]n ariyorum",
        r"\w+[dt][ae]n ariyorum",
        "bilgi vermek istiyorum",
        "bilgilendirmek",
    ),
)
_AGENT_OPENING = _any(
    "thanks? (?:you )?for calling", "aradiginiz icin tesekkur", "musteri hizmetleri"
)
"""The agent says this at the beginning, the customer at the end."""

_AGENT_QUESTIONS = (
    _any(
        "may i have your",
        "can i (?:have|get) your",
        "what is your (?:name|account|order)",
        "could you (?:please )?(?:give|provide|tell) me your",
    ),
    _any(
        "siparis numaraniz",
        "adiniz soyadiniz",
        "t ?c kimlik",
        "kimlik numaraniz",
        "abone numaraniz",
        "telefon numaraniz",
        "musteri numaraniz",
        r"\w+ (?:bey|hanim)",
    ),
)
_CUSTOMER = (
    _any(
        "aramistim",
        "gelmedi",
        "siparisim",
        "faturam",
        "sikayetciyim",
        "sikayet etmek",
        "internetim",
        "kargom",
        "hattim",
        "hesabim",
        "iade etmek istiyorum",
    ),
    _any(
        "my (?:order|bill|account|card|package|internet|phone|delivery)",
        "i was charged",
        "i have (?:a )?(?:problem|issue)",
        "i need help",
    ),
)
_MACHINE = _any(
    "kayit altina",
    "tuslayin\\w*",
    "dijital asistan\\w*",
    "sanal asistan\\w*",
    "lutfen hatta bekleyiniz",
    r"press (?:one|two|\d)",
    "call (?:may|will) be recorded",
    "virtual assistant",
)
_ANSWERS_CALL = re.compile(r"^(?:alo|efendim|hello|buyurun|hi|yes|evet|merhaba|kimsiniz|\s)+$")
"""The first words of a person who was called; this person can be agent or customer."""

_MIN_WORDS = 12
"""A call with fewer words gives no reliable guess."""

RoleAssigner = Callable[[list[Utterance], Transcript, "CallHints"], None]
MIN_MARGIN = 2.0
"""The points by which the likeliest agent must lead before the next speaker."""


@dataclass(frozen=True, kw_only=True)
class CallHints:
    """The roles of the tracks, as the account sets them, and the number of the customer."""

    channels: Mapping[str, Role]
    number: str = ""


def assign_roles(transcript: Transcript, hints: CallHints) -> tuple[RoleMethod, float]:
    """Set the role of every utterance; return the method and its confidence (0 to 1)."""
    utterances = transcript.turns
    for method, assign in _METHODS:
        assign(utterances, transcript, hints)
        if any(u.role in ("customer", "agent") for u in utterances):
            by_guess = method == "number" or transcript.inferred
            if by_guess and len({_voice(u) for u in utterances}) == 1:
                break  # the recogniser did not tell the two people apart
            _complete(utterances)
            return method, 0.8 if method == "number" and transcript.inferred else 1.0
    for utterance in utterances:
        utterance.role = None if utterance.role in ("customer", "agent") else utterance.role
    confidence = _guess(utterances, outbound=transcript.outbound)
    for utterance in utterances:
        utterance.role = utterance.role or "unknown"
    return ("guess", confidence) if confidence else ("unknown", 0.0)


def _keep_declared(
    _utterances: list[Utterance], _transcript: Transcript, _hints: CallHints
) -> None:
    """The reader of the format has set the roles that the vendor declares."""


def _assign_by_number(
    utterances: list[Utterance], transcript: Transcript, hints: CallHints
) -> None:
    number = re.sub(r"\D", "", hints.number or transcript.customer_number)
    if not number:
        return
    for utterance in utterances:
        digits = re.sub(r"\D", "", utterance.number)
        if len(digits) >= 7 and digits[-9:] == number[-9:]:
            utterance.role = "customer"


def _assign_by_track(
    utterances: list[Utterance], _transcript: Transcript, hints: CallHints
) -> None:
    for utterance in utterances:
        if utterance.channel and utterance.role is None:
            utterance.role = hints.channels.get(utterance.channel)


def _assign_by_label(
    utterances: list[Utterance], transcript: Transcript, _hints: CallHints
) -> None:
    agent, customer = (fold(n or "").strip() for n in (transcript.agent, transcript.customer))
    for utterance in utterances:
        if utterance.role is not None:
            continue
        label_role = role_of(utterance.speaker)
        name = fold(utterance.speaker).strip()
        if label_role == "machine":
            utterance.role = "unknown"
        elif label_role:
            utterance.role = label_role  # type: ignore[assignment]  # agent or customer
        elif name and name == agent:
            utterance.role = "agent"
        elif name and name == customer:
            utterance.role = "customer"


_METHODS: tuple[tuple[RoleMethod, RoleAssigner], ...] = (
    ("declared", _keep_declared),
    ("number", _assign_by_number),
    ("channel", _assign_by_track),
    ("label", _assign_by_label),
)


def _complete(utterances: list[Utterance]) -> None:
    """Give the other speaker of two the other role, and everybody else `unknown`."""
    voices = {_voice(u) for u in utterances}
    sides = {t.role for t in utterances} & {"customer", "agent"}
    if len(voices) == 2 and len(sides) == 1 and "" not in voices:
        other: Role = "agent" if sides == {"customer"} else "customer"
        for utterance in utterances:
            utterance.role = utterance.role or other
    for utterance in utterances:
        utterance.role = utterance.role or "unknown"


def _voice(utterance: Utterance) -> str:
    return utterance.speaker or utterance.channel


def _guess(utterances: list[Utterance], *, outbound: bool) -> float:
    """Set roles by the way people talk; return the confidence, 0 when it is too low."""
    if _count_words(utterances) < _MIN_WORDS:
        return 0.0
    voices = [v for v in dict.fromkeys(map(_voice, utterances)) if v]
    by_voice = {v: [u for u in utterances if _voice(u) == v] for v in voices}
    people = {voice: own for voice, own in by_voice.items() if not _is_machine(own)}
    if len(people) < 2:
        return 0.0
    opener = next(iter(people))
    called = bool(_ANSWERS_CALL.match(fold(people[opener][0].text)))
    total_words = sum(_count_words(own) for own in people.values()) or 1
    scores = {
        voice: _score(own, opens=voice == opener and not called, total_words=total_words)
        for voice, own in people.items()
    }
    points = {voice: score[0] for voice, score in scores.items()}
    signs = {voice: score[1] for voice, score in scores.items()}
    if not called and not outbound:
        points[opener] += 1.5
    agent, other = sorted(people, key=lambda voice: -points[voice])[:2]
    margin = points[agent] - points[other]
    agreeing = (signs[agent] > 0) + (agent == opener and not called) + (signs[other] < 0)
    if margin < MIN_MARGIN or agreeing < 2:
        return 0.0
    for voice, own in people.items():
        role: Role = "unknown"
        if voice == agent:
            role = "agent"
        elif len(people) == 2 or (signs[voice] < 0 and points[voice] < 0):
            role = "customer"
        for utterance in own:
            utterance.role = utterance.role or role
    return float(round(min(0.95, 1 - 0.5 ** (margin / 1.5)), 2))


def _score(own: list[Utterance], *, opens: bool, total_words: int) -> tuple[float, int]:
    """Return the points of a speaker as the agent, and the signs for it less those against."""
    text = fold(" . ".join(u.text for u in own))
    phrases = sum(bool(p.search(text)) for p in _AGENT)
    phrases += opens and bool(_AGENT_OPENING.search(fold(own[0].text)))
    questions = sum(bool(p.search(text)) for p in _AGENT_QUESTIONS)
    wishes = sum(bool(p.search(text)) for p in _CUSTOMER)
    points = 2.5 * min(phrases, 2) + min(questions, 1) - 2.0 * min(wishes, 2)
    points += 0.5 * _count_words(own) / total_words
    return points, bool(phrases) + bool(questions) - bool(wishes)


def _count_words(utterances: list[Utterance]) -> int:
    return sum(len(u.text.split()) for u in utterances)


def _is_machine(own: list[Utterance]) -> bool:
    """Say whether a speaker is an announcement or a bot, by its first words or its label."""
    first = fold(" . ".join(u.text for u in own[:2]))
    return role_of(own[0].speaker) == "machine" or bool(_MACHINE.search(first))
