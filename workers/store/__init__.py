"""The store's tables, and the questions that SQL answers.

A question gets a connection.
It returns messages, customers, incidents, figures or the ledger.
Read tables.py first, then queries.py.
"""
