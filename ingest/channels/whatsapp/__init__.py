"""WhatsApp: messages to a business number, by the webhook of Meta's Cloud API.

It takes a webhook's body. It gives a Message for each message of a customer, and fetches its files
from the Graph API.
Read channel.py first; wire.py has the Cloud API's own objects.
"""

from ingest.channels.whatsapp.channel import Whatsapp

__all__ = ["Whatsapp"]
