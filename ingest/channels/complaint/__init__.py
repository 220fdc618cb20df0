"""Complaint sites and forums: a feed, a JSON list, or the calls of a site.

It takes the bytes of a feed or of a JSON body. It gives a Message for each entry, and an event for
each later version of one.
Read channel.py first; json_list.py finds the fields of a site's own JSON.
"""

from ingest.channels.complaint.channel import Complaint

__all__ = ["Complaint"]
