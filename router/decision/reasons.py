"""The reasons of a decision in Turkish and English, with the customer's words as evidence. Pure.

Each step of a decision takes its reasons from here, and `mask_evidence` masks them at the end.
"""

import re
from collections.abc import Container, Sequence
from datetime import timedelta

import msgspec

from router.decision.incident_match import IncidentMatch
from router.models.model import Model, Prediction
from router.text.rule import Hit
from router.text.terms import find_spans
from schemas.decision import PERSONAL, Entity, Evidence, Reason
from schemas.text.personal_numbers import find_personal_numbers

VERSION = "1"
"""The version of the reasons that are written here. Rules and models have their own."""

_DIGIT = re.compile(r"\d")


def rule_reasons(
    hits: Sequence[Hit], pack_version: str, departments: Container[str]
) -> list[Reason]:
    """Return one reason for each rule that matches."""
    return [_rule_reason(hit, pack_version, departments) for hit in hits]


def _rule_reason(hit: Hit, pack_version: str, departments: Container[str]) -> Reason:
    rule = hit.rule
    department = rule.department or ""
    return Reason(
        kind="rule",
        id=rule.id,
        version=pack_version,
        evidence=hit.evidence,
        weight=rule.weight,
        speaks_for=department if department in departments else "",
        text_tr=rule.tr,
        text_en=rule.en,
    )


def model_reason(model: Model, prediction: Prediction, text: str) -> Reason:
    """Return the reason that names a model's best label."""
    label, probability = prediction.best.label, prediction.best.probability
    return Reason(
        kind="model",
        id=f"model.{model.head.task}",
        version=model.name,
        evidence=_evidence(text, prediction.word_spans),
        weight=probability,
        speaks_for=label if model.head.task == "department" else "",
        text_tr=f"model: {label}, %{probability * 100:.0f}",
        text_en=f"the model predicts {label}, {probability * 100:.0f} %",
    )


def incident_reason(match: IncidentMatch, text: str, folded: str) -> Reason:
    """Return the reason that names the incident of a message."""
    return Reason(
        kind="state",
        id="state.incident",
        version=VERSION,
        weight=round(match.score, 3),
        evidence=_evidence(text, find_spans(folded, match.terms)),
        text_tr=f"açık bir olayın parçası: {match.incident.title}",
        text_en=f"belongs to an open incident: {match.incident.title}",
    )


def waiting_reason(waited: timedelta, points: int) -> Reason:
    """Return the reason of a customer who writes again after the promised time."""
    hours = max(1, round(waited.total_seconds() / 3600))
    return _state(
        "waiting",
        f"{hours} saattir yanıt bekliyor, yeniden yazdı",
        f"writes again after {hours} hours without an answer",
        float(points),
    )


def customer_priority_reason(standing: str, version: str) -> Reason:
    """Return the reason that names a customer's standing; `version` is the table's."""
    return _state("standing", f"müşteri: {standing}", f"customer: {standing}", 0.0, version)


def mask_evidence(
    reasons: Sequence[Reason], text: str, entities: Sequence[Entity]
) -> tuple[Reason, ...]:
    """Return the reasons with every piece of evidence masked that overlaps a personal number.

    All numbers of the text count, since `entities` has only the first of them.
    """
    # Few texts with a digit have one in a word of evidence.
    quotes = [e.text for r in reasons for e in r.evidence]
    if _DIGIT.search(" ".join(quotes)) is None:
        return tuple(reasons)
    spans = [(number.start, number.end) for number in find_personal_numbers(text)]
    spans += [(entity.start, entity.end) for entity in entities if entity.kind in PERSONAL]

    def masked(evidence: Evidence) -> Evidence:
        if any(start < evidence.end and evidence.start < end for start, end in spans):
            return msgspec.structs.replace(evidence, text=re.sub(r"\w", "*", evidence.text))
        return evidence

    return tuple(
        [
            msgspec.structs.replace(reason, evidence=tuple(map(masked, reason.evidence)))
            if reason.evidence
            else reason
            for reason in reasons
        ]
    )


def _evidence(text: str, spans: Sequence[tuple[int, int]]) -> tuple[Evidence, ...]:
    return tuple([Evidence(start=start, end=end, text=text[start:end]) for start, end in spans])


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
    "follow_up", "açık bir görüşmenin devamı", "continues a conversation that a department has"
)
REOPENED = _state(
    "reopened", "çözülmüş görüşme yeniden açıldı", "a resolved conversation is open again"
)
CLOSING = _state(
    "closing",
    "yalnızca teşekkür ediyor ya da vedalaşıyor, yanıt beklemiyor",
    "only thanks or says goodbye, and expects no answer",
)
STRANGER = _state(
    "new_participant",
    "görüşmeye yeni biri katıldı, yanıtlamadan önce kontrol edin",
    "a new sender in this conversation: check who it is before you answer",
)
IMPORTED = _state(
    "imported", "eski kayıt, işlem gerekmez", "an imported record, which needs no work"
)
AUTOMATIC = _state("automatic", "otomatik gönderilmiş ileti", "a machine wrote this message")
EVENT = _state(
    "event", "önceki bir iletiyi değiştiriyor", "an edit, a deletion or a reaction to a message"
)
UNSURE = _state(
    "unsure",
    "hiçbir bölüm için yeterince emin değiliz",
    "the confidence is too low for every department",
)
TOGETHER = _state(
    "together",
    "ön değerlendirmede bekleyen iletilerle birlikte değerlendirildi",
    "decided together with the earlier messages in triage",
)
UNREADABLE = _state(
    "unreadable",
    "e-posta okunamadı, lütfen ham kaydına bakıp elle yönlendirin",
    "the mail could not be read: please look at its raw record and choose its department",
)
SPAM = _state(
    "spam",
    "istenmeyen iletiye benziyor, bölümlere iletilmez",
    "looks like spam, so it goes to no department",
)
HOPS = _state(
    "hop_limit",
    "çok kez yönlendirildi, bu yüzden ön değerlendirmeye alındı",
    "moved too often, so triage decides",
)
FAULT = _state(
    "fault",
    "sistemdeki bir hata nedeniyle bölüm belirlenemedi, lütfen elle yönlendirin",
    "a fault in our system prevented a decision: please choose its department",
)
