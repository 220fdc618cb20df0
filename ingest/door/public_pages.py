"""The pages that customers see: the contact form, its receipt, and the chat's trial page.

They work in browsers with and without JavaScript. Each page uses the visitor's language and
contains its own style, because a brand's site may show it in a frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Literal

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from ingest.channels.form import Account, Field, Flaw, SentForm
from ingest.door.public_texts import TEXTS

Language = Literal["tr", "en"]
Notice = Literal["", "confirm", "stale", "away", "too_large", "unreadable"]
LANGUAGES: tuple[Language, ...] = ("tr", "en")
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; img-src data:; "
    "connect-src 'self' ws: wss:; form-action 'self'; base-uri 'none'; frame-ancestors "
)


@dataclass(frozen=True, kw_only=True)
class FormPage:
    """A form as the page shows it: the entries, their flaws, and a notice above them."""

    language: Language
    filled: SentForm = field(default_factory=SentForm)
    flaws: Mapping[Field, Flaw] = field(default_factory=dict)
    notice: Notice = ""


def _source(name: str) -> str:
    return files("ingest.door").joinpath("static", name).read_text(encoding="utf-8")


_PAGES = Environment(
    loader=FunctionLoader(_source),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def language_of(request: Request) -> Language:
    """Return the visitor's language: the address's `lang`, or the browser's first choice."""
    choice = request.query_params.get("lang", "")
    if not choice:
        wishes = (w.partition(";") for w in request.headers.get("accept-language", "").split(","))
        ranked = sorted(wishes, key=lambda wish: -_weight(wish[2]))
        languages = [w[0].strip()[:2].lower() for w in ranked]
        choice = next((w for w in languages if w in LANGUAGES), "")
    return "tr" if choice.lower().startswith("tr") else "en"


def _weight(parameter: str) -> float:
    """Return the weight of a language in Accept-Language (RFC 9110, 12.4.2)."""
    name, _, value = parameter.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0


def form_page(account: str, settings: Account, page: FormPage, stamp: str) -> str:
    """Return the form with the person's entries, and each flaw beside its field."""
    return _render(
        "form.html",
        page.language,
        account=account,
        title=_title(settings, page.language),
        filled=page.filled,
        flaws=page.flaws,
        notice=page.notice,
        stamp=stamp,
        lost_files=[f.filename for f in page.filled.files if f.data],
    )


def receipt(account: str, settings: Account, page: FormPage, reference: str) -> str:
    """Return the receipt: the message's reference, and what happens next."""
    return _render(
        "form_receipt.html",
        page.language,
        account=account,
        reference=reference,
        title=_title(settings, page.language),
        filled=page.filled,
    )


def chat_page(language: Language, account: str) -> str:
    """Return the chat's trial page, with the line that embeds the chat."""
    return _render("chat.html", language, account=account)


def _title(settings: Account, language: Language) -> str:
    return settings.title_tr if language == "tr" else settings.title_en


def _render(name: str, language: Language, **values: object) -> str:
    column = LANGUAGES.index(language)
    texts = {key: pair[column] for key, pair in TEXTS.items()}
    return _PAGES.get_template(name).render(t=texts, language=language, **values)


def respond(html: str, origins: tuple[str, ...] = (), code: int = 200) -> Response:
    """Return a page that these sites may embed; without sites, any may."""
    headers = {
        "Content-Security-Policy": _POLICY + (" ".join(origins) or "*"),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Vary": "Accept-Language",
    }
    if code == 503:
        headers["Retry-After"] = "60"
    return Response(html, code, media_type="text/html", headers=headers)
