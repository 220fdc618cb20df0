"""Real servers for tests, each on a free port of loopback, with files in a folder of its own.

It takes a test's wish for a broker, a database, a mail server or a vendor. It gives the running
server, which ends with its fixture. Read broker.py first.
"""
