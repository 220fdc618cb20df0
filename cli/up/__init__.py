"""`santral up` runs Kafka, Valkey and every stage on this machine, under one supervisor.

It takes the settings. It makes processes on loopback, their data under one home, and access.json
with their addresses and tokens. Read supervisor.py first, which starts what kafka.py, valkey.py and
ports.py describe; kafka_jars.py downloads Kafka.
"""
