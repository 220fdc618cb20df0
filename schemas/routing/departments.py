"""Departments of an installation that names none, with their titles and service levels.

Before: nothing. After: settings take them as default, the router's default pack routes to them.
"""

from datetime import timedelta

from schemas.base import Record


class Department(Record, frozen=True, kw_only=True):
    """A department: titles for people, and how soon a customer is answered and helped."""

    title_tr: str
    title_en: str
    first_response: timedelta = timedelta(hours=4)
    resolution: timedelta = timedelta(days=2)


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
    "retention": _of("Müşteri Kazanım", "Retention", 1, 1),
    "corporate": _of("Kurumsal", "Corporate", 4, 3),
    "legal": _of("Hukuk ve KVKK", "Legal and Privacy", 8, 10),
    "press": _of("Basın", "Press", 2, 1),
    "customer_care": _of("Müşteri İlişkileri", "Customer Care"),
    "triage": _of("Ön Değerlendirme", "Triage", 1, 1),
}
