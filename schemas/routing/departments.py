"""Departments of an installation that names none, with their titles and service levels.

The settings take them as default, and the router's default pack routes to them.
"""

from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from schemas.base import Record
from schemas.decision import Due


class Department(Record, frozen=True, kw_only=True):
    """A department: its titles, and the times promised to customers."""

    title_tr: Annotated[str, msgspec.Meta(description="The title in Turkish.")]
    title_en: Annotated[str, msgspec.Meta(description="The title in English.")]
    first_response: Annotated[
        timedelta, msgspec.Meta(description="The time until a first answer.")
    ] = timedelta(hours=4)
    resolution: Annotated[
        timedelta, msgspec.Meta(description="The time until the matter is resolved.")
    ] = timedelta(days=2)


def due_times(department: Department, arrived: datetime, now: datetime) -> Due:
    """Return the times by which a department promises a first answer and a resolution.

    An arrival in the future counts as now.
    """
    start = min(arrived, now)
    return Due(
        first_response=start + department.first_response,
        resolution=start + department.resolution,
    )


def _of(tr: str, en: str, first_hours: float = 4, days: float = 2) -> Department:
    return Department(
        title_tr=tr,
        title_en=en,
        first_response=timedelta(hours=first_hours),
        resolution=timedelta(days=days),
    )


DEFAULT: dict[str, Department] = {
    "billing": _of("Fatura ve Ödeme", "Billing"),
    "technical": _of("Teknik Destek", "Technical Support", 2, 1),
    "orders": _of("Sipariş ve Teslimat", "Orders and Delivery"),
    "returns": _of("İade ve Değişim", "Returns"),
    "sales": _of("Satış", "Sales", 2, 3),
    "account": _of("Hesap İşlemleri", "Account"),
    "retention": _of("Müşteri Sadakati", "Retention", 1, 1),
    "corporate": _of("Kurumsal", "Corporate", 4, 3),
    "legal": _of("Hukuk ve KVKK", "Legal and Privacy", 8, 10),
    "press": _of("Basın", "Press", 2, 1),
    "customer_care": _of("Müşteri İlişkileri", "Customer Care"),
    "triage": _of("Ön Değerlendirme", "Triage", 1, 1),
}
