"""The topics of a cluster, compared with those that Santral needs.

It takes the table of topics and a cluster. It gives missing topics, and each difference that
could lose messages.
Read creation.py first, then rules.py.
"""
