"""The prefixes that mail programs put before the subject of a forward or an answer. Pure data."""

FORWARD_PREFIXES = (
    "Fwd|Fw|İlt|Ilt|Ynl|İleti|WG|TR|RV|I|Enc|PD|VB|VL|Redir|Videresend|Doorst|Továbbítás|Пересл|"
    "Yönlendirilen|İletilen|Weitergeleitet|Doorgestuurd|Переслано|Továbbítva|转发|轉寄|전달"
)
"""Prefixes of forwarded mail."""

REPLY_PREFIXES = (
    "Re|Ynt|Yan|Yanıt|Yanıtla|Cvp|Cev|Cevap|Cavab|Aw|Antw|Antwort|Sv|Vs|Ang|Odp|Odg|Res|R|Rif|Réf|"
    "Rép|Réponse|Vá|Vast|Atb|Bls|TB|Отв|Ответ|На|Відп|Απ|Σχετ|Trả lời|رد|השב|תשובה|ตอบกลับ|"
    "回复|回覆|答复|答覆|返信|회신|답장"
)
"""Prefixes of answers."""

_TAGS = r"\s{0,99}(?:[\[({*]{1,3}[^\])}*\n]{1,40}[\])}*]{1,3}\s{0,9}){0,3}"
"""Tags of gateways and ticket systems before all prefixes, as [EXTERNAL] or ***SPAM***."""

ANSWER = rf"{_TAGS}(?:{REPLY_PREFIXES})\.?\s{{0,9}}(?:[\[(^]\d{{1,3}}[\])]?)?\s{{0,9}}[:：]"
"""The beginning of an answer's subject."""

FORWARD = rf"{_TAGS}(?:{FORWARD_PREFIXES}|転送)\.?\s{{0,9}}[:：]"
"""The beginning of a forwarded mail's subject."""
