"""The frame of a process: its start, its watchdog and its probes.

It takes the tasks of a stage and its neighbours (Kafka, Redis, the store, the archive). It
gives one process that runs until a signal, a failed task or its watchdog ends it.
Read frame.py first, then watchdog.py.
"""
