"""What mail programs put before the subject of a mail that they forward or answer. Data.

Before: nothing. After: forward.py, bounce_words.py and mail_message.py look for them.
"""

FORWARD_PREFIXES = (
    "Fwd|Fw|İlt|Ilt|Ynl|İleti|WG|TR|RV|I|Enc|PD|VB|VL|Redir|Videresend|Doorst|Továbbítás|Пересл|"
    "转发|轉寄|전달"
)
"""What programs put before the subject of a forwarded mail."""

REPLY_PREFIXES = (
    "Re|Ynt|Yan|Cvp|Cev|Aw|Antw|Sv|Odp|Res|Rif|Réf|Vá|Vast|Отв|Відп|Απ|Σχετ|Trả lời|"
    "回复|回覆|答复|答覆|返信|회신"
)
"""What programs put before the subject of an answer."""
