"""`santral import`: history from files, which needs no answer.

It takes CSV, JSON lines, mbox files and Maildir folders. It gives deliveries for intake/.
Read run.py first.
"""
