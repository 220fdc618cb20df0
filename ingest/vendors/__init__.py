"""Shared by several channels of one vendor: signatures, envelopes, transcripts, forms.

It takes the bytes of a vendor's call. It gives proven and decoded values for the channels.
Read meta_webhook.py first.
"""
