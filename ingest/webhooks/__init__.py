"""One file for each vendor whose webhook brings deliveries of another channel.

It takes one HTTP call. It gives its deliveries, once the signature or the token proves the
vendor.
Read ../webhook.py first: it has the protocol of all of them.
"""
