"""Guesses the codec of bytes in a script other than Latin, which declare no charset. Pure.

Libraries that detect charsets need a page of text; a raw subject has ten characters. Each codec is
tried, and the winner decodes to the commonest characters of its language. Latin text has no winner.
Source: RFC 1468 and RFC 1557 (escapes); character frequencies of newspapers in these languages.
"""

import codecs
import re
from itertools import pairwise
from typing import NamedTuple

_SAMPLE_BYTES = 2000  # the rest is not read
_MIN_SHARE = 0.5  # common characters in a text
_MIN_SHARE_OF_LONG = 0.3  # for four and more characters without a Latin letter beside them
_SHORT_LETTERS = 4

_KANA = "".join(map(chr, (*range(0x3041, 0x3097), *range(0x30A1, 0x30FD))))
_JAPANESE = (
    "日一国人年大十二本中長出三時行見月分後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百"
    "書先名川千水半男西電校語土木聞食車何南万毎白天母火右読友左休父雨注文確認配送状況製品故障問合件返"
    "申請重要住所届料支払領収会社様願致回答連絡変更取消登録情報利用方法商在庫荷予約店舗担当者対応至急"
    "場不具修理交換保証期契解加込手続案内通知発到着遅延未御座付無作成完了事部新自動受差出人々私明日"
)
_SIMPLIFIED = (
    "的一是不了在人有我他这中大来上个国和说们到时为要就你地也子出会下自可学生以对能那过公司件发信息请您"
    "好邮通知订单退款问题客服产品货换修电话址收送快递支付账户密码登录无法没还什么怎如何申于关价格费用查"
    "询投诉建议服务帮助确认取消更改间今天明年月日多少家长同得经十三之进着等部度面而所方后作里道行然事成"
    "定全开实现主力理新体动高本重机工因去物外从前种些其它把给被让已将当手点传输失败退回抱歉箱系统自报告反馈"
)
_TRADITIONAL = (
    "的一是不了在人有我他這中大來上個國和說們到時為要就你地也子出會下自可學生以對能那過公司件發信息請您"
    "好郵通知訂單退款問題客服產品貨換修電話址收送快遞支付帳戶密碼登錄無法沒還什麼怎如何申於關價格費用查"
    "詢投訴建議服務幫助確認取消更改間今天明年月日多少家長同得經十三之進著等部度面而所方後作裡道行然事成"
    "定全開實現主力理新體動高本重機工因去物外從前種些其它把給被讓已將當手點傳輸失敗退回抱歉箱系統自報告"
)
_KOREAN = (
    "이다의는에을가고하지로한사를은도대자기어시서인아나일리라정스해보제수있전부그상만게과주장원조구동들성"
    "비안중유모관위선방신계내무국공경소문실여당생연개으요야오트와너저면및명법더세까마물적음통발행습니됐됩"
    "배송반품청드립련않왔했주문환불취소교환결제확인요청회입금배달감합녕세요"
)
# Only the letters of an alphabet that make two thirds of a text; all of them would match anything.
_CYRILLIC = "оеаинтсрвлк"
_GREEK = "αοειντσηρςίόά"
_HEBREW = "יהולאתברמש"
_ARABIC = "المنيوترب"


class _Script(NamedTuple):
    """A codec and the commonest characters of its language."""

    codec: str
    common: frozenset[str]
    is_alphabet: bool
    """Its words do not touch ASCII letters."""


_SCRIPTS = (
    _Script("cp932", frozenset(_KANA + _JAPANESE), is_alphabet=False),
    _Script("euc_jp", frozenset(_KANA + _JAPANESE), is_alphabet=False),
    _Script("gb18030", frozenset(_SIMPLIFIED), is_alphabet=False),
    _Script("big5", frozenset(_TRADITIONAL), is_alphabet=False),
    _Script("cp949", frozenset(_KOREAN), is_alphabet=False),
    _Script("cp1251", frozenset(_CYRILLIC), is_alphabet=True),
    _Script("koi8-r", frozenset(_CYRILLIC), is_alphabet=True),
    _Script("cp1253", frozenset(_GREEK), is_alphabet=True),
    _Script("cp1255", frozenset(_HEBREW), is_alphabet=True),
    _Script("cp1256", frozenset(_ARABIC), is_alphabet=True),
)
_WORD = re.compile(rb"[\x80-\xff]{2,}")
_ESCAPES = ((b"\x1b$)C", "iso2022_kr"), (b"\x1b$", "iso2022_jp_2"), (b"\x1b(", "iso2022_jp_2"))


def guess(data: bytes) -> str | None:
    """Return the codec that decodes these bytes to likely text, None for Latin and noise."""
    sample = data[:_SAMPLE_BYTES]
    latin = is_latin(sample)
    best, best_share = None, 0.0
    for script in _SCRIPTS:
        if script.is_alphabet and latin:
            continue
        share = _share(sample, script, latin=latin)
        if share > best_share:
            best, best_share = script.codec, share
    return best


def guess_escaped(data: bytes) -> str | None:
    """Return the codec of ASCII bytes with escapes of ISO 2022, None without any."""
    for escape, codec in _ESCAPES:
        if escape in data:
            try:
                data.decode(codec)
            except UnicodeDecodeError:
                return None
            return codec
    return None


def _share(sample: bytes, script: _Script, *, latin: bool) -> float:
    """Return the share of common characters, 0 when it is too small to decide."""
    try:
        text = codecs.getincrementaldecoder(script.codec)().decode(sample)
    except UnicodeDecodeError:
        return 0
    # Signs between letters count against an alphabet, because other scripts use these bytes.
    letters = [c for c in text if c > "\x7f" and (script.is_alphabet or c.isalnum())]
    if len(letters) < (_SHORT_LETTERS if script.is_alphabet else 2):
        return 0
    share = sum(c in script.common for c in letters) / len(letters)
    is_strict = script.is_alphabet or latin or len(letters) < _SHORT_LETTERS
    return share if share >= (_MIN_SHARE if is_strict else _MIN_SHARE_OF_LONG) else 0


def is_latin(data: bytes) -> bool:
    """Say whether bytes beyond ASCII are often alone, as in "à", or beside ASCII letters."""
    sample = data[:_SAMPLE_BYTES]
    words = sum(map(len, _WORD.findall(sample)))
    if words * 2 < sum(byte > 0x7F for byte in sample):
        return True
    pairs = pairwise(sample)
    beside = sum((a > 0x7F) != (b > 0x7F) and chr(min(a, b)).isalpha() for a, b in pairs)
    return beside * 5 > sum(byte > 0x7F for byte in sample)
