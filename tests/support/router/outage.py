"""Ordinary hours before an outage, and the texts of both. All texts are invented."""

from datetime import UTC, datetime, timedelta

from router.text.terms import find_terms
from schemas.incident import Pulse
from schemas.text.fold import fold

START = datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp()  # a Monday
DAYS = 10
EVERYDAY = (
    "kargom nerede kaldı",
    "faturam yüksek geldi",
    "internet çok yavaş",
    "iade param yatmadı",
    "uygulama açılmıyor",
    "yanlış ürün gelmiş",
    "modem bozuldu",
    "kurye gelmedi",
    "paket hasarlı",
    "şifremi unuttum giremiyorum",
)
OUTAGE = (
    "Kadıköy'de internet yok",
    "internetim kesildi, Kadıköy",
    "kadikoy internet gitti yine",
    "Kadıköy tarafında kesinti mi var",
    "No internet in Kadıköy",
    "internet gelmedi kadıköy",
)


def ordinary_pulses(days: int = DAYS, brand: str = "acme", per_hour: int = 30) -> list[Pulse]:
    """Return the pulses of the hours before START, each with `per_hour` messages of EVERYDAY."""
    pulses = []
    for hour in range(days * 24):
        terms: dict[str, int] = {}
        for text in EVERYDAY:
            for term in find_terms(fold(text)):
                terms[term] = terms.get(term, 0) + per_hour // len(EVERYDAY)
        begin = datetime.fromtimestamp(START, UTC) - timedelta(hours=hour + 1)
        pulses.append(Pulse(brand=brand, hour=begin, messages=per_hour, terms=terms))
    return pulses
