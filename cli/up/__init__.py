"""`santral up`: Kafka, Valkey and every stage on this machine, under one supervisor.

In: the settings. Out: processes on loopback, their data under one home, and access.json with their
addresses and tokens. Read supervisor.py first: it starts what kafka.py, valkey.py and ports.py
describe, each as a child.py.
"""
