"""Calls of WhatsApp and of Twilio with contents of a test's own, signed as the vendor signs them."""

import base64
import hmac
import json
from hashlib import sha1, sha256

from ingest.webhook import WebhookRequest
from tests.support.json_body import JsonBody
from tests.support.samples.registry import SAMPLES


def whatsapp_message(kind: str = "text", **fields: object) -> JsonBody:
    """Return a message of a WhatsApp webhook; `fields` replace those of the sample."""
    value = SAMPLES["whatsapp"].document["entry"][0]["changes"][0]["value"]
    message: JsonBody = value["messages"][0]
    del message["text"]
    return message | {"type": kind} | fields


def whatsapp_body(*messages: JsonBody, contact: JsonBody | None = None, **value: object) -> bytes:
    """Return a WhatsApp webhook's body with these messages, escaped as Meta escapes it."""
    document = SAMPLES["whatsapp"].document
    change = document["entry"][0]["changes"][0]
    contacts = [contact] if contact else change["value"]["contacts"]
    change["value"] |= {"contacts": contacts, "messages": list(messages), **value}
    return json.dumps(document).encode()


def whatsapp_call(body: bytes, secret: str = "sir-meta") -> WebhookRequest:
    """Return the call of a WhatsApp webhook with Meta's signature."""
    signature = hmac.new(secret.encode(), body, sha256).hexdigest()
    return WebhookRequest(
        method="POST",
        path="/v1/hooks/whatsapp/a",
        query={},
        body=body,
        headers={"content-type": "application/json", "x-hub-signature-256": f"sha256={signature}"},
    )


def twilio_signature(url: str, form: dict[str, str], token: bytes = b"sir-twilio") -> str:
    """Return Twilio's signature over an address and the fields of a form."""
    signed = url + "".join(key + form[key] for key in sorted(form))
    return base64.b64encode(hmac.new(token, signed.encode(), sha1).digest()).decode()
