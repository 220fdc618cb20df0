"""What mail programs put before the subject of a mail that they forward or answer. Data.

Before: nothing. After: mail/forward.py, automail/bounce_words.py and mail/message.py look for them.
"""

FORWARD_PREFIXES = (
    "Fwd|Fw|İlt|Ilt|Ynl|İleti|WG|TR|RV|I|Enc|PD|VB|VL|Redir|Videresend|Doorst|Továbbítás|Пересл|"
    "Yönlendirilen|İletilen|Weitergeleitet|Doorgestuurd|Переслано|Továbbítva|转发|轉寄|전달"
)
"""What programs put before the subject of a forwarded mail."""

REPLY_PREFIXES = (
    "Re|Ynt|Yan|Yanıt|Yanıtla|Cvp|Cev|Cevap|Cavab|Aw|Antw|Antwort|Sv|Vs|Ang|Odp|Odg|Res|R|Rif|Réf|"
    "Rép|Réponse|Vá|Vast|Atb|Bls|TB|Отв|Ответ|На|Відп|Απ|Σχετ|Trả lời|رد|השב|תשובה|ตอบกลับ|"
    "回复|回覆|答复|答覆|返信|회신|답장"
)
"""What programs put before the subject of an answer."""

_TAGS = r"\s{0,99}(?:[\[({*]{1,3}[^\])}*\n]{1,40}[\])}*]{1,3}\s{0,9}){0,3}"
"""What gateways and ticket desks put before everything: [EXTERNAL], ***SPAM***."""

ANSWER = rf"{_TAGS}(?:{REPLY_PREFIXES})\.?\s{{0,9}}(?:[\[(^]\d{{1,3}}[\])]?)?\s{{0,9}}[:：]"
"""The beginning of an answer's subject."""

FORWARD = rf"{_TAGS}(?:{FORWARD_PREFIXES}|転送)\.?\s{{0,9}}[:：]"
"""The beginning of a forwarded mail's subject."""
