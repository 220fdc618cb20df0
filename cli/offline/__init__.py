"""The commands `santral parse`, `decide` and `explain`, which need no broker.

They take captured files, lines of JSON or a text. They print the Message that a channel makes of
them (parse.py, trial.py), or the Decision that the router makes on it (decide.py, decisions.py),
both with the code of the stages. sentences.py has the words of all commands. Read decide.py first.
"""
