"""The objects of the WhatsApp Cloud API, with the fields that Santral reads.

Source: developers.facebook.com, WhatsApp Cloud API, webhooks and business-scoped user ids.
"""

import msgspec

from ingest.parsing.json_values import Text
from schemas.base import Record


class Metadata(Record, frozen=True, kw_only=True):
    """The business number that received the message."""

    display_phone_number: Text = ""
    phone_number_id: Text = ""


class ContactProfile(Record, frozen=True, kw_only=True):
    """The names that a person chose."""

    name: str | None = ""
    username: str | None = ""


class WhatsAppContact(Record, frozen=True, kw_only=True):
    """A sender, with a stable `user_id` and a number `wa_id` that may be absent."""

    profile: ContactProfile | None = None
    wa_id: Text = ""
    user_id: str | None = ""


class Value(Record, frozen=True, kw_only=True):
    """The value of a `messages` change."""

    metadata: Metadata = Metadata()
    contacts: msgspec.Raw = msgspec.Raw(b"[]")
    messages: tuple[msgspec.Raw, ...] = ()
    statuses: tuple[msgspec.Raw, ...] = ()
    errors: tuple[msgspec.Raw, ...] = ()


class ArchivedMessage(Record, frozen=True, kw_only=True):
    """One message with the metadata and contacts of its webhook, as the archive keeps it."""

    metadata: Metadata
    contacts: msgspec.Raw
    message: msgspec.Raw


class TextBody(Record, frozen=True, kw_only=True):
    """A text."""

    body: str = ""


class WhatsAppFile(Record, frozen=True, kw_only=True):
    """A file at Meta."""

    id: Text = ""
    mime_type: str = ""
    sha256: str = ""
    filename: str | None = ""
    caption: str | None = ""
    voice: bool = False


class InteractiveReply(Record, frozen=True, kw_only=True):
    """The button or the list row that a person chose, or the answers of a form."""

    title: str = ""
    description: str | None = ""
    text: str = ""
    response_json: object = ""
    body: str | None = ""


class Interactive(Record, frozen=True, kw_only=True):
    """The answer to an interactive message."""

    type: str = ""
    button_reply: InteractiveReply | None = None
    list_reply: InteractiveReply | None = None
    nfm_reply: InteractiveReply | None = None


class WhatsAppLocation(Record, frozen=True, kw_only=True):
    """A point on the map, perhaps with a name and an address."""

    latitude: Text = ""
    longitude: Text = ""
    name: str | None = ""
    address: str | None = ""


class ContactName(Record, frozen=True, kw_only=True):
    """A name in a shared contact."""

    formatted_name: str | None = ""


class ContactPhone(Record, frozen=True, kw_only=True):
    """A number in a shared contact."""

    phone: str | None = ""


class ContactEmail(Record, frozen=True, kw_only=True):
    """An address in a shared contact."""

    email: str | None = ""


class ContactOrganization(Record, frozen=True, kw_only=True):
    """The employer of a shared contact."""

    company: str | None = ""
    department: str | None = ""
    title: str | None = ""


class ContactAddress(Record, frozen=True, kw_only=True):
    """A postal address in a shared contact."""

    street: str | None = ""
    city: str | None = ""
    state: str | None = ""
    zip: Text = ""
    country: str | None = ""


class ContactUrl(Record, frozen=True, kw_only=True):
    """A web page in a shared contact."""

    url: str | None = ""


class ContactCard(Record, frozen=True, kw_only=True):
    """A shared contact."""

    name: ContactName = ContactName()
    phones: tuple[ContactPhone, ...] = ()
    emails: tuple[ContactEmail, ...] = ()
    org: ContactOrganization = ContactOrganization()
    addresses: tuple[ContactAddress, ...] = ()
    urls: tuple[ContactUrl, ...] = ()
    birthday: str | None = ""


class ProductItem(Record, frozen=True, kw_only=True):
    """A line of an order."""

    product_retailer_id: Text = ""
    quantity: Text = ""
    item_price: Text = ""
    currency: str | None = ""


class Order(Record, frozen=True, kw_only=True):
    """An order from the catalogue."""

    text: str | None = ""
    product_items: tuple[ProductItem, ...] = ()


class Reaction(Record, frozen=True, kw_only=True):
    """An emoji on a message; an empty one takes the reaction back."""

    message_id: str = ""
    emoji: str | None = ""


class EditedMessage(Record, frozen=True, kw_only=True):
    """The content of a message after an edit."""

    type: str = ""
    text: TextBody | None = None
    image: WhatsAppFile | None = None
    video: WhatsAppFile | None = None
    document: WhatsAppFile | None = None


class MessageRevision(Record, frozen=True, kw_only=True):
    """An edit or a deletion of a message, with the new content after an edit."""

    original_message_id: str = ""
    message: EditedMessage | None = None


class MessageContext(Record, frozen=True, kw_only=True):
    """The message that a message answers, and whether it was forwarded."""

    id: str | None = None
    forwarded: bool = False
    frequently_forwarded: bool = False


class Referral(Record, frozen=True, kw_only=True):
    """The advertisement through which a person began the chat."""

    headline: str | None = ""
    source_url: str | None = ""


class MessageError(Record, frozen=True, kw_only=True):
    """The reason why Meta sends a message without content."""

    title: str | None = ""


class WhatsAppMessage(Record, frozen=True, kw_only=True, rename={"sender": "from"}):
    """One message."""

    id: str
    type: str = ""
    timestamp: Text = None
    sender: Text = ""
    from_user_id: str | None = ""
    from_parent_user_id: str | None = ""
    group_id: str | None = ""
    context: MessageContext | None = None
    text: TextBody | None = None
    image: WhatsAppFile | None = None
    video: WhatsAppFile | None = None
    document: WhatsAppFile | None = None
    audio: WhatsAppFile | None = None
    sticker: WhatsAppFile | None = None
    button: InteractiveReply | None = None
    interactive: Interactive | None = None
    location: WhatsAppLocation | None = None
    contacts: tuple[ContactCard, ...] = ()
    order: Order | None = None
    reaction: Reaction | None = None
    edit: MessageRevision | None = None
    revoke: MessageRevision | None = None
    errors: tuple[MessageError, ...] = ()
    referral: Referral | None = None


class MessageType(Record, frozen=True, kw_only=True):
    """The type of a message, which shows whether a person wrote it."""

    type: str = ""


class MediaUrl(Record, frozen=True, kw_only=True):
    """The address of a file, which Meta serves for five minutes."""

    url: str
