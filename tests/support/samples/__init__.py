"""Payloads as vendors send them, one folder for each channel and webhook of the registry.

A folder has the payload, `sample.toml` about it, and the answers that the webhook fetches.
registry.py reads them. In that payload a customer writes WORDS at SAMPLED_AT. Further files have
payloads for the channel's own tests, such as an edit or a voice note; payloads.py reads those. No
words, people or accounts are real; each signature is the one that its vendor makes with the
account's secret.
"""
