"""Who is the agent and who the customer: declared, by number, by track, by label, or by a guess.

A guess needs two signs that agree and a margin; it says how sure it is. Below that nobody is
named: a wrong role makes the agent's polite words the customer's. Pure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ingest.clean.calls.heard import Heard, Role, Said
from ingest.clean.calls.plain import role_of
from schemas.fold import fold

How = Literal["declared", "number", "channel", "label", "guess", "unknown"]


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})\b")


_AGENT = (
    _any("how (?:can|may) i (?:help|assist)", "thanks? (?:you )?for calling",
         r"my name is \w+ how"),
    _any("hos geldiniz", "nasil yardimci olabilirim", "size nasil yardim", "musteri hizmetleri",
         "aradiginiz icin tesekkur"),
    _any("baska (?:bir )?(?:yardimci|konu|sorunuz)", "yardimci olabilecegim", "kontrol ediyorum",
         "kontrol edeyim", "hatta kaldiginiz", "hatta bekle", "beklediginiz icin"),
    _any("anything else", "can you (?:please )?(?:confirm|verify)", "let me (?:check|look|pull)",
         "i do apologi[sz]e", "for security purposes"),
    _any(r"\w+ (?:bey|hanim)"),
)  # fmt: skip
_ASKS = (
    _any("may i have your", "can i (?:have|get) your", "what is your (?:name|account|order)",
         "could you (?:please )?(?:give|provide|tell) me your"),
    _any("siparis numaraniz", "adiniz soyadiniz", "t ?c kimlik", "kimlik numaraniz",
         "abone numaraniz", "telefon numaraniz", "musteri numaraniz"),
)  # fmt: skip
_CUSTOMER = (
    _any("aramistim", "ariyorum", "gelmedi", "siparisim", "faturam", "sikayetciyim",
         "sikayet etmek", "internetim", "kargom", "hattim", "istiyorum", "param", "hesabim"),
    _any("my (?:order|bill|account|card|package|internet|phone|delivery)", "i was charged",
         "i have (?:a )?(?:problem|issue)", "i would like to", "i m calling (?:about|because)",
         "i need help"),
)  # fmt: skip
_GREETS = re.compile(r"\b(alo|efendim)\b")
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
            _complete(turns)
            return how, 1.0
    sure = _guess(turns, outbound=heard.outbound)
    if sure:
        return "guess", sure
    for turn in turns:
        turn.role = turn.role or "unknown"
    return "unknown", 0.0


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
    """With one side known and one other speaker left, that one is the other side."""
    sides = {t.role for t in turns} & {"customer", "agent"}
    left = {_who(t) for t in turns if t.role is None}
    if len(sides) == 1 and len(left) == 1 and left != {""}:
        other: Role = "agent" if sides == {"customer"} else "customer"
        for turn in turns:
            turn.role = turn.role or other
    for turn in turns:
        turn.role = turn.role or "unknown"


def _who(turn: Said) -> str:
    return turn.speaker or turn.channel


def _guess(turns: list[Said], *, outbound: bool) -> float:
    """Give roles by how people talk; return how sure that is, 0 when it is too unsure."""
    speakers = list(dict.fromkeys(_who(t) for t in turns if role_of(t.speaker) != "machine"))
    if len(speakers) < 2:
        return 0.0
    points = dict.fromkeys(speakers, 0.0)
    signs = dict.fromkeys(speakers, 0)
    counted = sum(len(t.text.split()) for t in turns) or 1
    for speaker in speakers:
        own = [t for t in turns if _who(t) == speaker]
        text = fold(" . ".join(t.text for t in own))
        first = fold(" . ".join(t.text for t in own[:2]))
        hits = sum(bool(p.search(text)) for p in _AGENT)
        asks = sum(bool(p.search(text)) for p in _ASKS)
        wants = sum(bool(p.search(text)) for p in _CUSTOMER)
        points[speaker] += 2.5 * min(hits, 2) + 1.0 * min(asks, 1) - 2.0 * min(wants, 2)
        points[speaker] -= 1.0 if _GREETS.search(first) and not hits else 0.0
        points[speaker] += 0.5 * sum(len(t.text.split()) for t in own) / counted
        signs[speaker] = bool(hits) + bool(asks) - bool(wants)
    opener = speakers[0] if not outbound else speakers[-1]
    points[opener] += 1.5
    ranked = sorted(speakers, key=lambda s: -points[s])
    agent, other = ranked[0], ranked[1]
    margin = points[agent] - points[other]
    agreeing = (signs[agent] > 0) + (agent == opener) + (signs[other] < 0)
    if margin < MARGIN or agreeing < 2:
        return 0.0
    for turn in turns:
        if turn.role is None:
            turn.role = "agent" if _who(turn) == agent else "customer"
    return float(round(min(0.95, 1 - 0.5 ** (margin / 1.5)), 2))
