"""The parties of a vCon: their roles, names and numbers, and the one that called. Pure."""

import msgspec

from ingest.parsing.calls.formats import plain_text
from ingest.parsing.calls.formats.vcon.wire import Dialog, Vcon, VconParty
from ingest.parsing.calls.transcript import Role, Transcript, Utterance, parse_role

_NOT_SPOKEN = ("text", "transfer", "incomplete")
"""Types of dialogs whose originator is not the caller; a text's originator wrote only that text."""


def party_role(party: VconParty) -> Role | None:
    """Return the role that a party declares, by the vendors' words or those of our labels."""
    label = party.role or (party.meta.role if party.meta else None)
    if party.type == "bot":
        return "unknown"
    role = parse_role(label)
    if role is None and label:
        labelled = plain_text.role_of(label)
        role = labelled if labelled in ("agent", "customer") else None  # type: ignore[assignment]  # the two of them
    return role


def party_phone(party: VconParty) -> str:
    """Return the number of a party, or the user of its SIP address."""
    number = str(party.tel or "").removeprefix("tel:")
    return number or (party.sip or "").removeprefix("sip:").partition("@")[0]


def fill_sides(vcon: Vcon, transcript: Transcript) -> None:
    """Set the customer and the agent of a transcript.

    The declared roles decide. Without any the first party is the caller, unless a dialog names
    another one.
    """
    for party in vcon.parties:
        role = party_role(party)
        if role == "customer":
            transcript.customer = transcript.customer or _name(party)
            transcript.customer_number = transcript.customer_number or party_phone(party)
            mail = party.email or party.mailto or ""
            transcript.customer_mail = transcript.customer_mail or mail
        elif role == "agent":
            transcript.agent = transcript.agent or party.name or None
            transcript.agent_number = transcript.agent_number or party_phone(party)
    roles_declared = any(party_role(p) for p in vcon.parties)
    if not transcript.customer_number and not roles_declared and vcon.parties:
        customer = _infer_customer(vcon, outbound=transcript.outbound)
        transcript.inferred = True
        transcript.customer_number = party_phone(customer)
        transcript.customer = _name(customer)
        transcript.customer_mail = customer.mailto or customer.email or ""
    transcript.customer_mail = transcript.customer_mail.removeprefix("mailto:")


def _name(party: VconParty) -> str:
    return "" if (party.name or "").lower() == "anonymous" else party.name or ""


def _infer_customer(vcon: Vcon, *, outbound: bool) -> VconParty:
    """Return the party that called, or the one that we called."""
    for dialog in vcon.dialog:
        if dialog.type in _NOT_SPOKEN:
            continue
        order = _party_order(dialog)
        index = _index(dialog.originator)
        if index is None:
            index = order[0] if order else None
        if index is None or not 0 <= index < len(vcon.parties):
            continue
        if not outbound:
            return vcon.parties[index]
        others = [i for i in order or range(len(vcon.parties)) if i != index]
        return vcon.parties[others[0]] if len(others) == 1 else VconParty()
    calls = any(d.type != "text" for d in vcon.dialog)
    return vcon.parties[0] if calls and not outbound else VconParty()


def _party_order(dialog: Dialog) -> list[int]:
    """Return the parties of a dialog in their order; parties on one track are a nested list."""
    order: list[int] = []

    def walk(value: object) -> None:
        if isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, int) and not isinstance(value, bool) and value not in order:
            order.append(value)

    if bytes(dialog.parties):
        walk(msgspec.json.decode(dialog.parties))
    return order


def _index(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None


def text_author(vcon: Vcon, dialog: Dialog) -> VconParty:
    """Return the originator of a text dialog, or the first of its parties."""
    index = _index(dialog.originator)
    if index is None and bytes(dialog.parties):
        index = first_index(msgspec.json.decode(dialog.parties))
    exists = index is not None and 0 <= index < len(vcon.parties)
    return vcon.parties[index] if exists and index is not None else VconParty()


def first_index(value: object) -> int | None:
    """Return an index, or the first one in a list of lists."""
    while isinstance(value, list):
        value = next((x for x in value if x is not None), None)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def party_utterance(party: VconParty, text: str, start: float, end: float) -> Utterance:
    """Return an utterance with the name, role and number of its party; times are in seconds."""
    return Utterance(
        speaker=party.name or party_phone(party),
        text=text.strip(),
        start=max(0.0, start),
        end=max(0.0, end),
        role=party_role(party),
        number=party_phone(party),
    )


def assign_parties(utterances: list[Utterance], vcon: Vcon) -> list[Utterance]:
    """Set role and number of each utterance whose speaker is a party's name, number or index."""
    for utterance in utterances:
        if utterance.role is not None:
            continue
        label = utterance.speaker.strip().lower()
        for index, party in enumerate(vcon.parties):
            names = {
                (party.name or "").lower(),
                party_phone(party).lower(),
                f"party {index}",
                str(index) if party_role(party) else "",
            } - {""}
            if label and label in names:
                utterance.role, utterance.number = party_role(party), party_phone(party)
    return utterances
