"""One file or package for each channel; no other one imports the client of its outside system.

It takes the bytes of one delivery. It gives a Message, a notice of one, or Rejected. Some
channels also have a source, which fetches their deliveries. A vendor's objects are a wire.py.
Read ../channel.py first, then ../source.py: they have the protocols of all of them.
"""
