"""The store's tables, and every question and change that SQL answers.

It takes a connection. It gives messages, customers, incidents, figures and the ledger.
Read tables.py first, then queries.py.
"""
