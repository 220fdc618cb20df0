"""Messenger and Instagram: direct messages, and comments and mentions in public.

It takes a webhook's body that a channel has proven. It gives archived items, a Message each, and
the text of a mention, which Meta sends without it.
Read items.py first, then parser.py; wire.py has Meta's own objects.
"""
