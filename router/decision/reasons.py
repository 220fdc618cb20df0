"""The reasons of decisions, in Turkish and English, with the words that say so. Pure.

Before: decide.py knows what counted. After: the Decision's `reasons`, for people.
"""

import re
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from router.decision.policy import Policy
from router.models.model import Model, Reading
from router.text.rules import Hit
from router.text.terms import Belongs, places
from schemas.decision import PERSONAL, Entity, Evidence, Reason
from schemas.text.personal_numbers import find_personal_numbers

VERSION = "1"
_DIGIT = re.compile(r"\d")


def of_rules(hits: Sequence[Hit], policy: Policy) -> list[Reason]:
    version, departments = policy.pack.version, policy.departments
    return [
        Reason(
            kind="rule",
            id=rule.id,
            version=version,
            evidence=hit.evidence,
            weight=rule.weight,
            speaks_for=rule.department if rule.department in departments else "",
            text_tr=rule.tr,
            text_en=rule.en,
        )
        for hit in hits
        for rule in (hit.rule,)
    ]


def masked(reasons: list[Reason], text: str, entities: Sequence[Entity]) -> list[Reason]:
    """Return the reasons with personal numbers masked in the words that they quote.

    All numbers of the text count: `entities` holds only the first of them.
    """
    if not any(_DIGIT.search(e.text) for r in reasons for e in r.evidence):
        return reasons
    places = [(n.start, n.end) for n in find_personal_numbers(text)]
    places += [(e.start, e.end) for e in entities if e.kind in PERSONAL]

    def covered(e: Evidence) -> Evidence:
        if any(start < e.end and e.start < end for start, end in places):
            return msgspec.structs.replace(e, text=re.sub(r"\w", "*", e.text))
        return e

    return [
        msgspec.structs.replace(r, evidence=tuple(map(covered, r.evidence))) if r.evidence else r
        for r in reasons
    ]


def of_model(model: Model, reading: Reading, text: str) -> Reason:
    label, share = reading.best.label, reading.best.share
    return Reason(
        kind="model",
        id=f"model.{model.head.task}",
        version=model.name,
        evidence=tuple([Evidence(start=a, end=b, text=text[a:b]) for a, b in reading.words]),
        weight=share,
        speaks_for=label if model.head.task == "department" else "",
        text_tr=f"model: {label}, %{share * 100:.0f}",
        text_en=f"the model says {label}, {share * 100:.0f} %",
    )


def of_incident(part: Belongs, text: str, folded: str) -> Reason:
    """Return the reason that names the incident, with the words that say so."""
    found = places(folded, part.terms)
    return Reason(
        kind="state",
        id="state.incident",
        version=VERSION,
        weight=round(part.score, 3),
        evidence=tuple([Evidence(start=a, end=b, text=text[a:b]) for a, b in found]),
        text_tr=f"açık bir olayın parçası: {part.incident.title}",
        text_en=f"is part of an open incident: {part.incident.title}",
    )


def of_waiting(waited: timedelta, points: int) -> Reason:
    hours = max(1, round(waited.total_seconds() / 3600))
    return _state(
        "waiting",
        f"{hours} saattir yanıt bekliyor, yeniden yazdı",
        f"writes again after {hours} hours without an answer",
        float(points),
    )


def of_standing(standing: str, version: str) -> Reason:
    return _state("standing", f"müşteri: {standing}", f"customer: {standing}", 0.0, version)


def _state(
    identifier: str, tr: str, en: str, weight: float = 1.0, version: str = VERSION
) -> Reason:
    return Reason(
        kind="state",
        id=f"state.{identifier}",
        version=version,
        text_tr=tr,
        text_en=en,
        weight=weight,
    )


REPEAT = _state("repeat", "bu ileti daha önce işlendi", "this message was handled before")
FOLLOW_UP = _state(
    "follow_up", "açık bir görüşmenin devamı", "goes on in a conversation that a department has"
)
REOPENED = _state(
    "reopened", "çözülmüş görüşme yeniden açıldı", "a resolved conversation is open again"
)
STRANGER = _state(
    "new_participant",
    "görüşmeye yeni biri katıldı, kontrol edin",
    "a new sender in this conversation: check who it is before you answer",
)
IMPORTED = _state("imported", "eski kayıt, işlem gerekmez", "history: no work is opened")
AUTOMATIC = _state("automatic", "bir makine yazmış", "written by a machine")
EVENT = _state("event", "önceki bir iletiyi değiştiriyor", "an edit, deletion or reaction")
UNSURE = _state("unsure", "hiçbir bölüm yeterince kesin değil", "no department is certain enough")
UNREADABLE = _state(
    "unreadable",
    "e-posta okunamadı, lütfen ham kaydına bakıp elle yönlendirin",
    "the mail could not be read: please look at its raw record and choose its department",
)
SPAM = _state(
    "spam",
    "istenmeyen iletiye benziyor, bölümlere gitmez",
    "looks like spam: kept from the departments",
)
HOPS = _state(
    "hop_limit",
    "çok kez yönlendirildi, ön değerlendirmeye alındı",
    "moved too often: triage decides",
)
FAULT = _state(
    "fault",
    "sistemdeki bir hata nedeniyle bölüm belirlenemedi, lütfen elle yönlendirin",
    "a fault in our system prevented a decision: please choose its department",
)
