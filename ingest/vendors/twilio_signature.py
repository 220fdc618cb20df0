"""X-Twilio-Signature: Twilio signs its calls over the address and the form.

Twilio signs the configured address. Behind a proxy that changes the host, only the settings know
it. The check tries it with and without the port. Source: twilio.com/docs/usage/security.
"""

import base64
import hmac
from hashlib import sha1, sha256

from ingest.parsing.json_values import split_url
from ingest.vendors.form_data import FormFields, read_fields
from ingest.webhook import WebhookRequest
from schemas.errors import Rejected


def prove(request: WebhookRequest, token: str, configured: str) -> FormFields:
    """Return the form of a call; raise Rejected(signature.*) unless it is Twilio's.

    `configured` is the address as it stands in Twilio's console; empty takes that of the call.
    """
    told = request.headers.get("x-twilio-signature", "")
    if not told:
        raise Rejected("signature.missing", "no X-Twilio-Signature")
    form = "json" not in request.headers.get("content-type", "")
    found = read_fields(request) if form and request.body else {}
    if not any(_signed(token, url, found, told) for url in _addresses(request, configured)):
        raise Rejected(
            "signature.wrong",
            "X-Twilio-Signature is not of this address and form: is `url` as in the console?",
        )
    digest = request.query.get("bodySHA256", "")
    if not form and not hmac.compare_digest(
        digest.lower().encode("utf-8", "replace"), sha256(request.body).hexdigest().encode()
    ):
        raise Rejected("signature.wrong", "bodySHA256 is not of these bytes")
    return found


def _addresses(request: WebhookRequest, configured: str) -> list[str]:
    """Return the addresses that may have been signed: with and without the port."""
    url = configured.partition("#")[0]
    if not url:
        # A caller can forge a forwarded host. An account behind a proxy that changes it sets `url`.
        url = f"https://{request.headers.get('host', '')}{request.target or request.path}"
    elif request.method == "GET":
        url = f"{url.partition('?')[0]}?{request.target.partition('?')[2]}"
    elif request.query.get("bodySHA256") and "bodySHA256" not in url:
        url += ("&" if "?" in url else "?") + f"bodySHA256={request.query['bodySHA256']}"
    made = [url]
    parts = split_url(url)
    if parts.hostname:
        try:
            port = parts.port
        except ValueError:
            return made
        default = {"https": 443, "http": 80}.get(parts.scheme, 0)
        bare = parts.hostname if port else f"{parts.hostname}:{default}"
        made.append(parts._replace(netloc=bare).geturl())
    return made


def _signed(token: str, url: str, found: FormFields, told: str) -> bool:
    """Say whether that is the mark of this address with these fields, sorted, each value once."""
    data = url.encode("utf-8", "replace")
    for name in sorted(found):
        for value in sorted(set(found[name])):
            data += name.encode("utf-8", "replace") + value
    due = base64.b64encode(hmac.new(token.encode(), data, sha1).digest())
    return hmac.compare_digest(due, told.strip().encode("utf-8", "replace"))
