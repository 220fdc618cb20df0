"""Proves Twilio's calls, whose X-Twilio-Signature covers the address and the form.

Twilio signs the configured address. Behind a proxy that changes the host, only the settings name
it. The check tries it with and without the port.
Source: twilio.com/docs/usage/security.
"""

import base64
import hmac
from hashlib import sha1, sha256

from ingest.parsing.json_values import split_url
from ingest.vendors.form_data import FormFields, read_fields
from ingest.webhook import WebhookRequest, require_header
from schemas.errors import Rejected

_DEFAULT_PORTS = {"https": 443, "http": 80}


def prove(request: WebhookRequest, token: str, configured: str) -> FormFields:
    """Return the form of a call; raise Rejected(signature.*) unless it is Twilio's.

    `configured` is the address in Twilio's console. If it is empty, the check uses the call's own.
    """
    signature = require_header(request, "X-Twilio-Signature")
    is_form = "json" not in request.headers.get("content-type", "")
    form = read_fields(request) if is_form and request.body else {}
    addresses = _addresses(request, configured)
    if not any(_is_signed(token, url, form, signature) for url in addresses):
        raise Rejected(
            "signature.wrong",
            "X-Twilio-Signature is not of this address and form: is `url` as in the console?",
        )
    if not is_form:
        digest = request.query.get("bodySHA256", "").lower().encode("utf-8", "replace")
        if not hmac.compare_digest(digest, sha256(request.body).hexdigest().encode()):
            raise Rejected("signature.wrong", "bodySHA256 is not of these bytes")
    return form


def _addresses(request: WebhookRequest, configured: str) -> list[str]:
    """Return the address that Twilio may have signed, with and without its port."""
    url = configured.partition("#")[0]
    if not url:
        # A caller can forge a forwarded host. An account behind a proxy that changes it sets `url`.
        url = f"https://{request.headers.get('host', '')}{request.target or request.path}"
    elif request.method == "GET":
        url = f"{url.partition('?')[0]}?{request.target.partition('?')[2]}"
    elif request.query.get("bodySHA256") and "bodySHA256" not in url:
        url += ("&" if "?" in url else "?") + f"bodySHA256={request.query['bodySHA256']}"
    parts = split_url(url)
    if not parts.hostname:
        return [url]
    try:
        port = parts.port
    except ValueError:
        return [url]
    default_port = _DEFAULT_PORTS.get(parts.scheme, 0)
    other_host = parts.hostname if port else f"{parts.hostname}:{default_port}"
    return [url, parts._replace(netloc=other_host).geturl()]


def _is_signed(token: str, url: str, form: FormFields, signature: str) -> bool:
    """Return whether a signature covers the address and the sorted fields, each value once."""
    data = url.encode("utf-8", "replace")
    for name in sorted(form):
        for value in sorted(set(form[name])):
            data += name.encode("utf-8", "replace") + value
    expected = base64.b64encode(hmac.new(token.encode(), data, sha1).digest())
    return hmac.compare_digest(expected, signature.strip().encode("utf-8", "replace"))
