"""Channels and the router without a broker, for `santral parse`, `decide` and `explain`.

In: captured files, lines of JSON, a text. Out: the Message that a channel makes of it (trial.py),
and the Decision that the router makes on it (decisions.py); both are those of the stages. Read
decisions.py first.
"""
