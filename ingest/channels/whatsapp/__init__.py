"""WhatsApp: messages to a business number, by the webhook of Meta's Cloud API.

It takes a webhook's body. It gives a Message for each message of a customer, and fetches its files
from the Graph API. An edit, a deletion or a reaction is an event of an earlier message.
Read channel.py first, then parser.py, which also reads events; wire.py has the Cloud API's objects.
"""

from ingest.channels.whatsapp.channel import Whatsapp

__all__ = ["Whatsapp"]
