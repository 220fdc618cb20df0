"""The texts that are sent without a person, in Turkish and English.

If the language of a message is unknown, its writer gets both texts.
"""

_TEXTS = {
    "tr": (
        "Merhaba,\n\nİletiniz bize ulaştı ve {title} bölümümüze iletildi. En geç {due} tarihine "
        "kadar size döneceğiz. Eklemek istedikleriniz için bu iletiyi yanıtlayabilirsiniz.\n\n"
        "Bu ileti otomatik olarak gönderilmiştir.\n"
    ),
    "en": (
        "Hello,\n\nYour message has reached us and is with our {title} team. You will hear from "
        "us by {due} at the latest. To add something, just reply to this message.\n\n"
        "This message was sent automatically.\n"
    ),
}


def acknowledgement(language: str, title_tr: str, title_en: str, due: str) -> str:
    """Return the text which confirms that a message has arrived."""
    turkish = _TEXTS["tr"].format(title=title_tr, due=due)
    english = _TEXTS["en"].format(title=title_en, due=due)
    if language == "tr":
        return turkish
    return english if language == "en" else f"{turkish}\n---\n\n{english}"
