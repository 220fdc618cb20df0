"""The desk's queue in Redis: the lines of the departments, the leases, and the closings.

It takes messages and closings from desk_feed, and commands of agents from desk. It gives the items
that a person may claim. Lua scripts make each change in one step.
Read queue.py first, then agent_scripts.py.
"""
