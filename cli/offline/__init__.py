"""Channels and the router without a broker, for `santral parse`, `decide` and `explain`.

It takes captured files, lines of JSON or a text. It returns the Message that a channel makes of
them (trial.py), and the Decision that the router makes on it (decisions.py), both with the code of
the stages. Read decisions.py first.
"""
