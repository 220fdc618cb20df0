"""The HTTP contract of the door and of the desk.

It takes nothing. It gives the Structs of request and response bodies, the table of all
operations, and the OpenAPI document made from both.
Read bodies.py first.
"""
