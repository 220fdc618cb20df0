"""Finds the author of a mail, in From or behind the address that a list put there. Pure.

Lists rewrite From when the author's domain forbids others to use it (DMARC). Without this search
all customers of a support group would be one sender. Source: RFC 5322 section 3.6.2; Google Groups,
Mailman 3 (dmarc_mitigations), groups.io.
"""

import re

from ingest.parsing.mime.parsed_mail import Mail
from schemas.message import Handle, Party

_VIA = re.compile(
    r"""^(?P<name>.*?)\s*
        (?:[,(\[]?\s*\b(?:via|über|vía|durch|por|par)\s.{1,200}
          |[,(\[]\s*[^,()\[\]]{1,100}\saracılığıyla[)\]]?)$""",
    re.IGNORECASE | re.VERBOSE,
)
"""The name that a list writes into From: "'Ada Su' via Destek", "Ada Su (Destek aracılığıyla)"."""

_LIST_HEADERS = (
    "list-id",
    "list-post",
    "x-beenthere",
    "mailing-list",
    "x-google-group-id",
    "x-mailman-version",
)
_AUTHOR_HEADERS = ("x-original-from", "x-original-sender", "reply-to")
_MUNGED = re.compile(r"([^@=]{1,64})=([\w-]{1,63}(?:\.[\w-]{1,63}){1,6})@")
"""The address that a list makes of an author's, such as ada=ornek.example@dmarc.list.example."""


def find_author(mail: Mail) -> Party:
    """Return the author in From whom we can answer, else the party in the other headers."""
    from_parties = mail.parties("from")
    author = next((party for party in from_parties if party.handles), None)
    if author is not None:
        return _behind_list(mail, author) or author
    name = from_parties[0].name if from_parties else ""
    for header in ("reply-to", "sender", "return-path", "x-envelope-from"):
        for party in mail.parties(header):
            if party.handles:
                return Party(name=party.name or name, handles=party.handles)
    return from_parties[0] if from_parties else Party()


def _behind_list(mail: Mail, listed: Party) -> Party | None:
    """Return the author of a mail whose From a list rewrote; None when From is the author."""
    address = listed.handle("email") or ""
    via = _VIA.match(listed.name)
    listing = any(mail.raw(header) is not None for header in _LIST_HEADERS)
    if not via and not (listing and _is_recipient(mail, address)):
        return _unmunge(listed, listed.name) if listing else None
    listed_name = via["name"] if via else listed.name
    name = _strip_quotes(listed_name)
    for header in _AUTHOR_HEADERS:
        for party in mail.parties(header):
            value = party.handle("email")
            # Some lists answer to all, so the author can be among the recipients, too.
            is_author = header != "reply-to" or (name != "" and party.name == name)
            if value and value != address and (is_author or not _is_recipient(mail, value)):
                return Party(name=party.name or name, handles=party.handles)
    if via and (copied := _named_in_copy(mail, name)):
        return copied
    return _unmunge(listed, listed_name) if listing or via else None


def _named_in_copy(mail: Mail, name: str) -> Party | None:
    """Return the author whom Mailman put into Cc because answers go to the list."""
    copied = (party for party in mail.parties("cc") if party.handles and name)
    return next((party for party in copied if party.name == name), None)


def _unmunge(listed: Party, name: str) -> Party | None:
    """Return the author whose address is part of the list's address."""
    address = listed.handle("email") or ""
    match = _MUNGED.match(address)
    plain = f"{match[1]}@{match[2]}" if match else address.removesuffix(".invalid")
    if plain == address:
        return None
    return Party(name=_strip_quotes(name), handles=(Handle(kind="email", value=plain),))


def _is_recipient(mail: Mail, address: str) -> bool:
    """Say whether a mail went to an address, which can be the list's or ours."""
    headers = ("to", "cc", "list-post", "x-beenthere", "delivered-to", "x-original-to")
    values = (party.handle("email") for header in headers for party in mail.parties(header))
    return address in values


def _strip_quotes(name: str) -> str:
    """Return a name without the quotes and brackets that a list program puts around it."""
    return name.strip(" '\"()[],")
