"""The same task in other frameworks, and in plain loops: read messages, decide, write work items.

In come the records of messages.v1. Out comes one work item a message, with the decision in it, in
one queue topic. Peers keep no state of conversations and write no headers and no decision records,
so they do less than the router. Read task.py and plain_confluent.py first.
"""
