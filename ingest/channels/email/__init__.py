"""Mail: IMAP mailboxes, and mails that a webhook or the LMTP door takes.

It takes raw RFC 5322 mails, and notices of mails in a bucket. It gives a Message for each mail,
and source.py hands over the mails of the mailboxes.
Read channel.py first, then source.py; session.py has the commands of IMAP.
"""

from ingest.channels.email.channel import Email

__all__ = ["Email"]
