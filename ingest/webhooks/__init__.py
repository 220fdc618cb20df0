"""The webhooks of vendors that bring deliveries of another channel, one file each.

It takes an HTTP call. It gives the deliveries in it, once a signature or a token proves the vendor.
Read ../webhook.py first; it has the protocol of all webhooks.
"""
