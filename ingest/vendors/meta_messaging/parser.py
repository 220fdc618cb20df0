"""Makes a Message of an archived item, which is a direct message, a comment or a mention."""

from ingest.channel import Context, Delivery, Parsed
from ingest.parsing.json_values import decode_json
from ingest.vendors.meta_messaging import wire
from ingest.vendors.meta_messaging.account import Account
from ingest.vendors.meta_messaging.comments import parse_comment
from ingest.vendors.meta_messaging.direct_messages import parse_direct_message


def parse_item(product: wire.Product, delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return the Message of one archived item; raise Rejected."""
    archived = decode_json(wire.ArchivedMetaItem, delivery.raw)
    if archived.place == "comment":
        return parse_comment(product, archived, delivery, context)
    return parse_direct_message(product, archived, delivery, context)
