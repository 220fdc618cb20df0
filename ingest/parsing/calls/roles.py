"""Who is the agent and who the customer: declared, by number, by track, by label, or by a guess.

A guess needs two signs that agree and a margin; it says how sure it is. Below that nobody is
named: a wrong role makes the agent's polite words the customer's. Pure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ingest.parsing.calls.formats.plain_text import role_of
from ingest.parsing.calls.transcript import Heard, Role, Said
from schemas.text.fold import fold

How = Literal["declared", "number", "channel", "label", "guess", "unknown"]


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
_OPENS = _any("thanks? (?:you )?for calling", "aradiginiz icin tesekkur", "musteri hizmetleri")
"""Said by the agent who picks up; by anybody else at the end."""

_ASKS = (
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
_CALLED = re.compile(r"^(?:alo|efendim|hello|buyurun|hi|yes|evet|merhaba|kimsiniz|\s)+$")
"""How somebody answers who was called: it says nothing of who opens."""

_WORDS = 12
"""Fewer words than that in a whole call are no ground for a guess."""

Way = Callable[[list[Said], Heard, "Known"], None]
MARGIN = 2.0
"""How much more one speaker must look like the agent than the next."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What an account knows of its calls: which track is whose, and who called."""

    channels: Mapping[str, Role]
    number: str = ""


def settle(heard: Heard, known: Known) -> tuple[How, float]:
    """Give every turn its role; return how it was found and how sure that is (0 to 1)."""
    turns = heard.turns
    ways: list[tuple[How, Way]] = [("declared", _declared), ("number", _numbered)]
    ways += [("channel", _tracked), ("label", _labelled)]
    for how, way in ways:
        way(turns, heard, known)
        if any(t.role in ("customer", "agent") for t in turns):
            if (how == "number" or heard.inferred) and len({_who(t) for t in turns}) == 1:
                break  # one speaker for two people: the recogniser did not tell them apart
            _complete(turns)
            return how, 0.8 if how == "number" and heard.inferred else 1.0
    for turn in turns:
        turn.role = None if turn.role in ("customer", "agent") else turn.role
    sure = _guess(turns, outbound=heard.outbound)
    for turn in turns:
        turn.role = turn.role or "unknown"
    return ("guess", sure) if sure else ("unknown", 0.0)


def _declared(_turns: list[Said], _heard: Heard, _known: Known) -> None:
    """The vendor said it: nothing is to be done."""


def _numbered(turns: list[Said], heard: Heard, known: Known) -> None:
    number = re.sub(r"\D", "", known.number or heard.customer_number)
    if not number:
        return
    for turn in turns:
        told = re.sub(r"\D", "", turn.number)
        if len(told) >= 7 and told[-9:] == number[-9:]:
            turn.role = "customer"


def _tracked(turns: list[Said], _heard: Heard, known: Known) -> None:
    for turn in turns:
        if turn.channel and turn.role is None:
            turn.role = known.channels.get(turn.channel)


def _labelled(turns: list[Said], heard: Heard, _known: Known) -> None:
    agent, customer = (fold(n or "").strip() for n in (heard.agent, heard.customer))
    for turn in turns:
        if turn.role is not None:
            continue
        found = role_of(turn.speaker)
        name = fold(turn.speaker).strip()
        if found == "machine":
            turn.role = "unknown"
        elif found:
            turn.role = found  # type: ignore[assignment]  # agent or customer
        elif name and name == agent:
            turn.role = "agent"
        elif name and name == customer:
            turn.role = "customer"


def _complete(turns: list[Said]) -> None:
    """Of two speakers the other one is the other side; of more nobody knows."""
    everybody = {_who(t) for t in turns}
    sides = {t.role for t in turns} & {"customer", "agent"}
    if len(everybody) == 2 and len(sides) == 1 and "" not in everybody:
        other: Role = "agent" if sides == {"customer"} else "customer"
        for turn in turns:
            turn.role = turn.role or other
    for turn in turns:
        turn.role = turn.role or "unknown"


def _who(turn: Said) -> str:
    return turn.speaker or turn.channel


def _guess(turns: list[Said], *, outbound: bool) -> float:
    """Give roles by how people talk; return how sure that is, 0 when it is too unsure."""
    if sum(len(t.text.split()) for t in turns) < _WORDS:
        return 0.0
    spoken = {w: [t for t in turns if _who(t) == w] for w in dict.fromkeys(map(_who, turns)) if w}
    people = {w: own for w, own in spoken.items() if not _is_machine(own)}
    if len(people) < 2:
        return 0.0
    points, signs = dict.fromkeys(people, 0.0), dict.fromkeys(people, 0)
    counted = sum(len(t.text.split()) for own in people.values() for t in own) or 1
    opener = next(iter(people))
    called = bool(_CALLED.match(fold(people[opener][0].text)))
    for who, own in people.items():
        text = fold(" . ".join(t.text for t in own))
        hits = sum(bool(p.search(text)) for p in _AGENT)
        hits += who == opener and not called and bool(_OPENS.search(fold(own[0].text)))
        asks = sum(bool(p.search(text)) for p in _ASKS)
        wants = sum(bool(p.search(text)) for p in _CUSTOMER)
        points[who] = 2.5 * min(hits, 2) + min(asks, 1) - 2.0 * min(wants, 2)
        points[who] += 0.5 * sum(len(t.text.split()) for t in own) / counted
        signs[who] = bool(hits) + bool(asks) - bool(wants)
    if not called and not outbound:
        points[opener] += 1.5
    agent, other = sorted(people, key=lambda w: -points[w])[:2]
    margin = points[agent] - points[other]
    agreeing = (signs[agent] > 0) + (agent == opener and not called) + (signs[other] < 0)
    if margin < MARGIN or agreeing < 2:
        return 0.0
    for who, own in people.items():
        role: Role = "unknown"
        if who == agent:
            role = "agent"
        elif len(people) == 2 or (signs[who] < 0 and points[who] < 0):
            role = "customer"
        for turn in own:
            turn.role = turn.role or role
    return float(round(min(0.95, 1 - 0.5 ** (margin / 1.5)), 2))


def _is_machine(own: list[Said]) -> bool:
    """Say whether a speaker is an announcement or a bot: its first words, or its label."""
    first = fold(" . ".join(t.text for t in own[:2]))
    return role_of(own[0].speaker) == "machine" or bool(_MACHINE.search(first))
